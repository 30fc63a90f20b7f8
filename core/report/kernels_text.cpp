#include "core/report/kernels_text.h"

namespace graticule {

std::string kernels_text(const std::vector<KernelUse>& kernels) {
    std::string text;
    for (const KernelUse& use : kernels) {
        if (!text.empty()) text += "; ";
        if (use.where.empty())
            for (const std::string& layer : use.layers) text += (&layer == &use.layers.front() ? "" : ", ") + layer;
        else
            text += use.where;
        if (kernels.size() > 1 && use.linears > 0)
            text += " (" + std::to_string(use.linears) + (use.linears == 1 ? " linear)" : " linears)");
        text += ": " + use.kernel + (use.no_integers.empty() ? "" : " (" + use.no_integers + ")");
    }
    return text;
}

std::string kernels_text(const Evaluation& run) {
    std::string text = kernels_text(run.kernels);
    if (const std::int64_t tokens = run.provenance.product_tokens; tokens > 0)
        text += "; memory ran out: " + std::to_string(tokens) +
                " tokens a product instead of more, so the last digits may differ";
    return text;
}

} // namespace graticule
