// Scales, codes and rounded values of one tensor through a device's kernels: what every solver below is built from.
//
//     const TensorQuantizer quantizer = weight_quantizer(*scheme.weight);
//     const QuantizedTensor rounded = quantize_to_nearest(weight, quantizer, device);      // RTN
//     const at::Tensor as_seen = round_to_nearest(inputs, input_quantizer(*scheme.input), device);
//
// Tensors are float32, (rows, columns): weights (out, in), activations (tokens, channels).
#pragma once

#include <cstdint>

#include "core/recipe/tensor_scheme.h"
#include "core/runtime/torch_bridge.h"
#include "kernels/api/backend.h"

namespace graticule::solvers {

/// Everything that decides how a tensor of any shape is rounded, but for the values themselves.
struct TensorQuantizer {
    CodeGrid grid;
    Granularity granularity;
    ScaleOptions scale;

    /// Rectangles that share a scale in a matrix like this one.
    [[nodiscard]] BlockLayout layout(const at::Tensor& values) const;
};

/// Asymmetric schemes force zero into the range; symmetric ones have s = absmax / (levels/2 - 1), or GPTQ's
/// 2 absmax / (levels - 1) where `full_range`.
[[nodiscard]] TensorQuantizer weight_quantizer(const TensorScheme& scheme, bool full_range = false);
/// Dynamic activations, with the scale rule of the forward pass (activation_scale_options).
[[nodiscard]] TensorQuantizer input_quantizer(const TensorScheme& scheme);

/// One scale and zero point a block of a layout.
struct BlockParams {
    BlockLayout layout;
    at::Tensor scale; ///< (blocks down, blocks across) float32
    at::Tensor zero;  ///< the same shape: integers; 0 for table grids
};

struct QuantizedTensor {
    BlockParams params;
    at::Tensor codes;       ///< (rows, columns) uint8
    at::Tensor dequantized; ///< (rows, columns) float32
};

[[nodiscard]] BlockParams find_params(const at::Tensor& values, const TensorQuantizer& quantizer, const Device& device);
[[nodiscard]] at::Tensor quantize(const at::Tensor& values, const CodeGrid& grid, const BlockParams& params,
                                  const Device& device);
[[nodiscard]] at::Tensor dequantize(const at::Tensor& codes, const CodeGrid& grid, const BlockParams& params,
                                    const Device& device);

/// Parameters, codes and values.
[[nodiscard]] QuantizedTensor quantize_to_nearest(const at::Tensor& values, const TensorQuantizer& quantizer,
                                                  const Device& device);
/// Values only, in one pass: what searches call for every candidate.
[[nodiscard]] at::Tensor round_to_nearest(const at::Tensor& values, const TensorQuantizer& quantizer,
                                          const Device& device);

/// One column with one scale and zero point a row: the step GPTQ takes. Any grid, dINT and tables too.
struct RoundedColumn {
    at::Tensor codes;  ///< (rows) uint8
    at::Tensor values; ///< (rows) float32
};
[[nodiscard]] RoundedColumn quantize_column(const at::Tensor& column, const CodeGrid& grid, const at::Tensor& scale,
                                            const at::Tensor& zero, const Device& device);

/// One value a block, repeated over the block: (rows, columns).
[[nodiscard]] at::Tensor spread_over_blocks(const at::Tensor& per_block, BlockLayout layout);

} // namespace graticule::solvers
