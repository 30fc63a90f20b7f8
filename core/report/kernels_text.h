// Which kernels ran, in words: reports and the command line alike.
#pragma once

#include <string>

#include "core/result/evaluation.h"

namespace graticule {

/// By kind of layer: "q, k, v: dense; down: simulated (why there were no integers)"; where there are several kernels
/// with how many linears, and which where a kind is mixed; and whether memory ran out.
[[nodiscard]] std::string kernels_text(const Evaluation& run);
/// The same without the latter.
[[nodiscard]] std::string kernels_text(const std::vector<KernelUse>& kernels);

} // namespace graticule
