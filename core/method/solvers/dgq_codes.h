// Codes of the dual grain for given channel scales. Private to the solvers.
#pragma once

#include <functional>

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

/// Loss of every row, (out), when the weight is rounded to this (out, in).
using RowLosses = std::function<at::Tensor(const at::Tensor& rounded)>;

/// Phase 2: the s1 of every row that loses least, of equals the widest, and the dual grain it gives. Works in the
/// weight's own type; `loss` of the result is left to the caller.
[[nodiscard]] DualGrain search_channel_scale(const at::Tensor& weight, const DgqGroups& groups,
                                             const DgqOptions& options, const RowLosses& losses);

inline constexpr double int8_limit = 127;

/// Ratio i of a grid.
[[nodiscard]] constexpr double dgq_ratio(int i, int steps, double span) {
    return 1.02 - static_cast<double>(i + 1) / steps * span;
}

} // namespace graticule::solvers
