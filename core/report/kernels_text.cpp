#include "core/report/kernels_text.h"

namespace graticule {

std::string kernels_text(const Evaluation& run) {
    std::string text;
    for (const KernelUse& use : run.kernels) {
        if (!text.empty()) text += "; ";
        for (const std::string& layer : use.layers) text += (&layer == &use.layers.front() ? "" : ", ") + layer;
        text += ": " + use.kernel + (use.no_integers.empty() ? "" : " (" + use.no_integers + ")");
    }
    return text;
}

} // namespace graticule
