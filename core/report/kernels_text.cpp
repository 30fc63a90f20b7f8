#include "core/report/kernels_text.h"

namespace graticule {

std::string kernels_text(const Evaluation& run) {
    std::string text;
    for (const KernelUse& use : run.kernels) {
        if (!text.empty()) text += "; ";
        for (const std::string& layer : use.layers) text += (&layer == &use.layers.front() ? "" : ", ") + layer;
        text += ": " + use.kernel + (use.no_integers.empty() ? "" : " (" + use.no_integers + ")");
    }
    if (const std::int64_t tokens = run.provenance.product_tokens; tokens > 0)
        text += "; memory ran out: " + std::to_string(tokens) +
                " tokens a product instead of more, so the last digits may differ";
    return text;
}

} // namespace graticule
