// Codes of the dual grain for given channel scales. Private to the solvers.
#pragma once

#include "core/method/solvers/dgq.h"

namespace graticule::solvers {

struct DualCodes {
    at::Tensor group_scale; ///< S2 (out, groups)
    at::Tensor centred;     ///< q - z (out, groups, group)
};

/// S2 = max(1, rn(s / s1)), codes limited so that |(q - z) S2| <= 127. Weights (out, groups, group) are limited to
/// +-`limit` (out) first. Every operation rounds to the tensors' own type, as the published program in bfloat16 does.
[[nodiscard]] DualCodes dual_codes(const at::Tensor& grouped_weight, const DgqGroups& groups, const at::Tensor& s1,
                                   const at::Tensor& limit, int levels);
[[nodiscard]] DualGrain make_dual_grain(const DualCodes& codes, const DgqGroups& groups, const at::Tensor& s1);

inline constexpr double int8_limit = 127;

/// Ratio i of a grid.
[[nodiscard]] constexpr double dgq_ratio(int i, int steps, double span) {
    return 1.02 - static_cast<double>(i + 1) / steps * span;
}

} // namespace graticule::solvers
