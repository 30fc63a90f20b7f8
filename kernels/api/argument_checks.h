// What every back end checks before it touches memory. All throw KernelError{invalid_argument} naming the values and
// the way out. The numbers of a grid are checked by prepare_grid (grid_points.h).
#pragma once

#include "kernels/api/backend.h"

namespace graticule {

void check_find_scales(MatrixView<const float> values, BlockLayout layout, ScaleOptions options, const float* scale,
                       const float* zero);
void check_quantize(MatrixView<const float> values, BlockLayout layout, const float* scale, const float* zero,
                    MatrixView<const std::uint8_t> codes);
void check_dequantize(MatrixView<const std::uint8_t> codes, BlockLayout layout, const float* scale, const float* zero,
                      MatrixView<const float> values);
void check_fake_quantize(MatrixView<const float> values, BlockLayout layout, const float* scale, const float* zero,
                         MatrixView<const float> out);
void check_fake_quantize_dynamic(MatrixView<const float> values, BlockLayout layout, ScaleOptions options,
                                 MatrixView<const float> out);
/// `rows_before` empty: not asked for.
void check_statistics(const ActivationBatch& batch, SegmentEnds ends, std::span<const std::int64_t> rows_before);
void check_gptq_walk(const GptqWalk& walk);
void check_hadamard(MatrixView<const float> values, std::int64_t block, MatrixView<const float> out);

} // namespace graticule
