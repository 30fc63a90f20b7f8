// Activations rounded as a scheme says, in float32, so that any format can be evaluated without kernels of its own: the
// one quantizer of evaluation, of the states that methods work on, and of what-if.
#pragma once

#include <optional>
#include <vector>

#include "core/recipe/tensor_scheme.h"
#include "core/result/quantized_model.h"
#include "core/runtime/torch_bridge.h"

namespace graticule {

/// How one tensor is rounded at run time.
struct ActivationRounding {
    TensorScheme scheme;
    std::optional<StaticScale> fixed = {};        ///< the scale of a static scheme
    std::vector<std::int32_t> kept_channels = {}; ///< left as they are; they do not count for scales
    bool operator==(const ActivationRounding&) const = default;
};
/// What the linear's own scheme says about its input; absent: full precision.
[[nodiscard]] std::optional<ActivationRounding> input_rounding(const QuantizedLinear& linear);

/// Throws Error{bad_input} naming `owner` when a static scheme has no scale.
void check_calibrated(const ActivationRounding& rounding, const Linear& owner);

/// The scale rule of a scheme's dynamic activations: lower bound of the range 1e-5 as in the papers' programs.
[[nodiscard]] ScaleOptions activation_scale_options(const TensorScheme& scheme);

/// Rounded copy of x, whose last dimension is channels and whose second to last is tokens of one sample (or of one head
/// of it). Scales: `token` one per row, `gN` one per row and group, `channel` one per column of each (tokens, channels)
/// matrix, `tensor` one for each index of the first dimension. A static scheme needs its scale.
[[nodiscard]] at::Tensor round_activation(const ActivationRounding& rounding, const at::Tensor& x,
                                          const Device& device);

} // namespace graticule
