// The operations of the CPU back end, one file each; cpu_backend.cpp checks the arguments and calls them. Their meaning
// is written in kernels/api/backend.h.
#pragma once

#include "kernels/api/backend.h"
#include "kernels/api/grid_points.h"
#include "kernels/api/weight_figures.h"

namespace graticule::cpu {

void find_scales(MatrixView<const float> values, BlockLayout layout, const GridPoints& points, ScaleOptions options,
                 float* scale, float* zero);
void find_scales(const StoredMatrix& weight, BlockLayout layout, const GridPoints& points, const ScaleOptions& options,
                 float* scale, float* zero);
void quantize(MatrixView<const float> values, BlockLayout layout, const GridPoints& points, const float* scale,
              const float* zero, MatrixView<std::uint8_t> codes, QuantizeCounts* counts);
void dequantize(MatrixView<const std::uint8_t> codes, BlockLayout layout, const GridPoints& points, const float* scale,
                const float* zero, MatrixView<float> values);
void fake_quantize(MatrixView<const float> values, BlockLayout layout, const GridPoints& points, const float* scale,
                   const float* zero, MatrixView<float> out, QuantizeCounts* counts);
void fake_quantize_dynamic(MatrixView<const float> values, BlockLayout layout, const GridPoints& points,
                           ScaleOptions options, MatrixView<float> out, QuantizeCounts* counts);
void accumulate_statistics(const ActivationBatch& batch, SegmentEnds ends, std::span<const std::int64_t> rows_before,
                           const SiteAccumulators& sums);
void hadamard(MatrixView<const float> values, std::int64_t block, MatrixView<float> out);
void gptq_walk(const GptqWalk& walk, const GridPoints& points); ///< on the calling thread

/// Rows [first, last) of find_scales, on the calling thread; `first` is a multiple of rows_per_block, scale and zero
/// start at its block.
void find_scales_of_rows(MatrixView<const float> values, BlockLayout layout, const GridPoints& points,
                         ScaleOptions options, std::int64_t first, std::int64_t last, float* scale, float* zero);

/// Rows [first, last) of fake_quantize (codes null) or quantize (out null), on the calling thread. scale and zero are
/// the whole matrix's less the blocks of rows before `first_block_row`.
struct RowOutputs {
    float* values = nullptr;
    std::int64_t values_stride = 0;
    std::uint8_t* codes = nullptr;
    std::int64_t codes_stride = 0;
};
void quantize_rows(MatrixView<const float> values, BlockLayout layout, const GridPoints& points, std::int64_t first,
                   std::int64_t last, std::int64_t first_block_row, const float* scale, const float* zero,
                   const RowOutputs& out, QuantizeCounts* counts);

} // namespace graticule::cpu
