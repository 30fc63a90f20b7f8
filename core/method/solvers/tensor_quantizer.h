// Scales, codes and rounded values of one tensor through a device's kernels: what every solver below is built from.
//
//     const TensorQuantizer quantizer = weight_quantizer(*scheme.weight);
//     const QuantizedTensor rounded = quantize_to_nearest(weight, quantizer, device);      // RTN
//     const at::Tensor as_seen = round_to_nearest(inputs, input_quantizer(*scheme.input), device);
//
// Tensors are float32, (rows, columns): weights (out, in), activations (tokens, channels).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/recipe/tensor_scheme.h"
#include "core/runtime/torch_bridge.h"
#include "kernels/api/backend.h"

namespace graticule::solvers {

/// The level of scales above the blocks'.
struct CoarseLevel {
    Granularity granularity;
    ScaleOptions scale;
    at::Tensor fixed{}; ///< (down, across) found beforehand; undefined: they are found from the values
};

/// Everything that decides how a tensor of any shape is rounded, but for the values themselves.
struct TensorQuantizer {
    CodeGrid grid;
    Granularity granularity;
    ScaleOptions scale;
    std::optional<CoarseLevel> coarse{};

    /// Rectangles that share a scale in a matrix like this one.
    [[nodiscard]] BlockLayout layout(const at::Tensor& values) const;
};

/// Asymmetric schemes force zero into the range; symmetric ones have s = absmax / (levels/2 - 1), or GPTQ's
/// 2 absmax / (levels - 1) where `full_range`. Of a dual grain: its groups with float scales, which dgq.h rounds.
[[nodiscard]] TensorQuantizer weight_quantizer(const TensorScheme& scheme, bool full_range = false);
/// Dynamic activations, with the scale rule of the forward pass (scale_options.h).
[[nodiscard]] TensorQuantizer input_quantizer(const TensorScheme& scheme);

/// The coarse level fixed to what it is for these values; for quantizing parts of them, or what they become. A
/// quantizer of one level stays as it is.
[[nodiscard]] TensorQuantizer with_fixed_coarse(const TensorQuantizer& quantizer, const at::Tensor& values,
                                                const Device& device);
/// Of a quantizer whose coarse level is fixed: the one of `columns` columns from `first` on as one block per row, or as one
/// in all where the coarse scale is the tensor's.
[[nodiscard]] TensorQuantizer quantizer_of_columns(const TensorQuantizer& quantizer, std::int64_t first,
                                                   std::int64_t columns);

/// One scale and zero point per block of a layout.
struct BlockParams {
    BlockLayout layout;
    at::Tensor scale;     ///< (blocks down, blocks across) float32, all levels in it
    at::Tensor zero;      ///< the same shape: integers; 0 for table grids
    ScaleCoding coding{}; ///< of the blocks' own level
    BlockLayout coarse_layout{};
    at::Tensor coarse{}; ///< (down, across) scales of the level above; undefined: there is none
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

/// Whether several rows share a scale, of any level.
[[nodiscard]] bool rows_share_scales(const TensorQuantizer& quantizer);
/// Rows of one sample after the other, in parts of one sample each; `samples` (rows) on the host, ascending: which
/// sample each is of.
[[nodiscard]] std::vector<at::Tensor> by_samples(const at::Tensor& rows, const at::Tensor& samples);
/// Inputs as the forward pass sees them: a scale that its rows share is that of one sample. `samples` undefined: all are
/// taken for one.
[[nodiscard]] at::Tensor round_inputs(const at::Tensor& rows, const at::Tensor& samples,
                                      const TensorQuantizer& quantizer, const Device& device);

/// One column with one scale and zero point per row: the step GPTQ takes. Any grid, dINT and tables too.
struct RoundedColumn {
    at::Tensor codes;  ///< (rows) uint8
    at::Tensor values; ///< (rows) float32
};
[[nodiscard]] RoundedColumn quantize_column(const at::Tensor& column, const CodeGrid& grid, const at::Tensor& scale,
                                            const at::Tensor& zero, const Device& device);

/// One value per block, repeated over the block: (rows, columns).
[[nodiscard]] at::Tensor spread_over_blocks(const at::Tensor& per_block, BlockLayout layout);
/// The same without the memory: a matrix as (blocks down, rows of a block, blocks across, columns of a block), and one
/// number per block in a shape that broadcasts over it.
[[nodiscard]] at::Tensor in_blocks(const at::Tensor& matrix, BlockLayout layout);
[[nodiscard]] at::Tensor beside_blocks(const at::Tensor& per_block);

} // namespace graticule::solvers
