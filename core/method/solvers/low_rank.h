// LoRC (ZeroQuant-V2; algorithms.md section 13): the rounding error W - W^ = U S V^T, its largest singular values kept
// as two thin matrices, W^ + A B with A = U_m S_m^1/2, B = S_m^1/2 V_m^T. Works after any rounding; m = 8 is enough.
#pragma once

#include <cstdint>

#include "core/runtime/torch_bridge.h"

namespace graticule::solvers {

struct LowRankFactors {
    at::Tensor a; ///< (out, rank)
    at::Tensor b; ///< (rank, in)
};

/// `rank` above min(out, in) means all of it.
[[nodiscard]] LowRankFactors low_rank_factors(const at::Tensor& weight, const at::Tensor& rounded, std::int64_t rank);

} // namespace graticule::solvers
