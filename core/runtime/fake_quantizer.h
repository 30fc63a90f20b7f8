// Activations rounded as a scheme says, in float32, so that any format can be evaluated without kernels of its own.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/recipe/tensor_scheme.h"
#include "core/result/quantized_model.h"
#include "core/runtime/hooks.h"

namespace graticule {

/// The scale rule of a scheme's dynamic activations: lower bound of the range 1e-5 as in the papers' programs.
[[nodiscard]] ScaleOptions activation_scale_options(const TensorScheme& scheme);

/// Rounded copy of x, whose last dimension is channels and whose second to last is tokens of one sample (or of one head
/// of it). Scales: `token` one a row, `gN` one a row and group, `channel` one a column of each (tokens, channels)
/// matrix, `tensor` one for each index of the first dimension. `kept_channels` are left as they are and do not count
/// for scales. `fixed`: a static scale instead; required when the scheme is not dynamic.
[[nodiscard]] at::Tensor fake_quantize_activation(const TensorScheme& scheme, const at::Tensor& x, const Device& device,
                                                  std::optional<StaticScale> fixed = std::nullopt,
                                                  std::span<const std::int32_t> kept_channels = {});

/// Hooks that apply the activation schemes of `model`: inputs from each linear's own scheme; query from q's, key from
/// k's, value and probability from v's. Null when no operand is quantized.
[[nodiscard]] std::unique_ptr<DecoderHooks> activation_quantizers(std::shared_ptr<const QuantizedModel> model,
                                                                  const Device& device);

} // namespace graticule
