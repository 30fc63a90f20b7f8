// The dual grain of DGQ: W^ = (q - z) S2 s1 with INT4 codes q, an INT8 scale S2 >= 1 and zero point z a group, a float
// scale s1 an output channel, and |(q - z) S2| <= 127 always, so that the expanded weight fits an INT8 multiplication.
#pragma once

#include "core/method/stages.h"
#include "core/method/tensor_quantizer.h"

namespace graticule {

/// Plain rounding: s1 = absmax of the row / 127, S2 = max(1, rn(s / s1)). `fine` holds a float scale and a zero point a
/// group.
[[nodiscard]] Rounded round_dual_grain(const Device& device, const at::Tensor& weight, const DeviceParams& fine);

/// One row a channel: S2, codes and their limits for the channel scales `s1` (out). Weights are limited to
/// +-`limit` (out) first.
struct DualCodes {
    at::Tensor group_scale; ///< S2 (out, groups) float32 holding integers
    at::Tensor codes;       ///< (out, groups, group) float32 holding integers
};
[[nodiscard]] DualCodes dual_codes(const at::Tensor& grouped_weight, const at::Tensor& fine_scale,
                                   const at::Tensor& zero, const at::Tensor& s1, const at::Tensor& limit);
/// (q - z) S2 s1, (out, groups, group).
[[nodiscard]] at::Tensor dual_values(const DualCodes& codes, const at::Tensor& zero, const at::Tensor& s1);
[[nodiscard]] Rounded pack_dual(const DualCodes& codes, const at::Tensor& zero, const at::Tensor& s1,
                                std::int64_t group);

} // namespace graticule
