// The operations of the CUDA back end, one .cu each. Pointers are device memory, except counts, which are host memory.
// The back end's face (cuda_backend.cpp) has checked the arguments and left out empty matrices.
#pragma once

#include <cuda_runtime.h>

#include "kernels/api/backend.h"
#include "kernels/api/grid_points.h"

namespace graticule::cuda {

/// Whether this build holds machine code, or code to translate, for the current device.
[[nodiscard]] bool kernels_run_here();

void find_scales(MatrixView<const float> values, BlockLayout layout, const GridPoints& points, ScaleOptions options,
                 float* scale, float* zero, cudaStream_t stream);
void quantize(MatrixView<const float> values, BlockLayout layout, const GridPoints& points, const float* scale,
              const float* zero, MatrixView<std::uint8_t> codes, QuantizeCounts* counts, cudaStream_t stream);
void dequantize(MatrixView<const std::uint8_t> codes, BlockLayout layout, const GridPoints& points, const float* scale,
                const float* zero, MatrixView<float> values, cudaStream_t stream);
[[nodiscard]] WeightFigures count_codes(MatrixView<const float> values, MatrixView<const std::uint8_t> codes,
                                        BlockLayout layout, const GridPoints& points, const float* scale,
                                        const float* zero, cudaStream_t stream);
void fake_quantize(MatrixView<const float> values, BlockLayout layout, const GridPoints& points, const float* scale,
                   const float* zero, MatrixView<float> out, QuantizeCounts* counts, cudaStream_t stream);
[[nodiscard]] std::size_t dynamic_workspace_bytes(std::int64_t rows, std::int64_t columns, BlockLayout layout);
void fake_quantize_dynamic(MatrixView<const float> values, BlockLayout layout, const GridPoints& points,
                           ScaleOptions options, MatrixView<float> out, QuantizeCounts* counts, float* workspace,
                           cudaStream_t stream);
[[nodiscard]] std::size_t statistics_workspace_bytes(const ActivationBatch& batch, SegmentEnds ends);
void accumulate_statistics(const ActivationBatch& batch, SegmentEnds ends, std::span<const std::int64_t> rows_before,
                           const SiteAccumulators& sums, void* workspace, cudaStream_t stream);
void hadamard(MatrixView<const float> values, std::int64_t block, MatrixView<float> out, cudaStream_t stream);
void gptq_walk(const GptqWalk& walk, const GridPoints& points, cudaStream_t stream);

} // namespace graticule::cuda
