// Scale and zero point of every block: extremes of its finite values and 0, then kernels/api/scale_rule.h.
//                                                                                             (rows, columns) -> (blocks)
//
// Blocks one row high: a group of lanes walks its segment (device/segments.cuh), one kernel. Higher blocks: every
// thread walks down some rows of its columns and joins what it found into the block's extremes by integer atomics; the
// arrays `scale` and `zero` themselves hold the extremes meanwhile, as magnitudes of the largest and the smallest
// value: the bits of non-negative floats order as integers do, and maxima are the same in whatever order they meet, so
// the result is deterministic. A last kernel turns them into scales.
#include <algorithm>

#include "kernels/api/scale_rule.h"
#include "kernels/cuda/device/check.h"
#include "kernels/cuda/device/segments.cuh"
#include "kernels/cuda/device/workspace.h"
#include "kernels/cuda/ops.h"

namespace graticule::cuda {
namespace {

template <int width>
__global__ void __launch_bounds__(segment_threads)
    scales_of_segments(const float* input, std::int64_t rows, std::int64_t stride, std::int64_t columns_per_block,
                       std::int64_t across, int lanes, const __grid_constant__ GridPoints points, ScaleOptions options,
                       float* scale, float* zero) {
    __shared__ SegmentShared shared;
    const int groups = segment_threads / lanes;
    const std::int64_t segments = rows * across;
    const int lane = static_cast<int>(threadIdx.x) % lanes;
    for (std::int64_t base = static_cast<std::int64_t>(blockIdx.x) * groups; base < segments;
         base += static_cast<std::int64_t>(gridDim.x) * groups) {
        const std::int64_t segment = base + threadIdx.x / lanes;
        float low = 0, high = 0;
        if (segment < segments) {
            const float* x = input + segment / across * stride + segment % across * columns_per_block;
            for (std::int64_t c = static_cast<std::int64_t>(lane) * width; c < columns_per_block;
                 c += static_cast<std::int64_t>(lanes) * width) {
                const FloatPack<width> pack = load_floats<width>(x + c);
#pragma unroll
                for (int i = 0; i < width; ++i) join_extremes(pack.at[i], low, high);
            }
        }
        reduce_extremes(shared, lanes, low, high);
        if (lane == 0 && segment < segments) {
            const ScaleAndZero found =
                scale_of_segment(input, segment, stride, columns_per_block, across, low, high, points, options);
            scale[segment] = found.scale;
            zero[segment] = found.zero;
        }
    }
}

constexpr int walk_rows = 64; // rows one thread walks down

/// One column a thread, `walk_rows` rows of one block row. scale holds max(x, 0), zero holds max(-x, 0), both as bits.
__global__ void __launch_bounds__(segment_threads)
    extremes_of_columns(const float* input, std::int64_t rows, std::int64_t columns, std::int64_t stride,
                        std::int64_t rows_per_block, std::int64_t columns_per_block, std::int64_t across, float* scale,
                        float* zero) {
    const std::int64_t column = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    const std::int64_t pieces = (rows_per_block + walk_rows - 1) / walk_rows; // of one block row
    const std::int64_t all = rows / rows_per_block * pieces;
    for (std::int64_t piece = blockIdx.y; piece < all; piece += gridDim.y) {
        const std::int64_t block_row = piece / pieces;
        const std::int64_t first = block_row * rows_per_block + piece % pieces * walk_rows;
        const std::int64_t end = (block_row + 1) * rows_per_block;
        const std::int64_t last = first + walk_rows < end ? first + walk_rows : end;
        float low = 0, high = 0;
        if (column < columns)
            for (std::int64_t row = first; row < last; ++row) join_extremes(input[row * stride + column], low, high);
        const std::int64_t block = block_row * across + (column < columns ? column : columns - 1) / columns_per_block;
        bool store = column < columns;
        if (columns_per_block % 32 == 0) { // the warp lies in one block: one atomic instead of 32
            for (int offset = 16; offset > 0; offset /= 2) {
                low = fminf(low, __shfl_xor_sync(0xffffffffU, low, offset));
                high = fmaxf(high, __shfl_xor_sync(0xffffffffU, high, offset));
            }
            store = store && threadIdx.x % 32 == 0;
        }
        if (!store) continue;
        if (high > 0.0F) atomicMax(reinterpret_cast<int*>(scale) + block, __float_as_int(high));
        if (low < 0.0F) atomicMax(reinterpret_cast<int*>(zero) + block, __float_as_int(-low));
    }
}

__global__ void scales_of_extremes(std::int64_t blocks, std::int64_t across, BlockLayout layout,
                                   const __grid_constant__ GridPoints points, ScaleOptions options, float* scale,
                                   float* zero) {
    const std::int64_t block = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (block >= blocks) return;
    const float coarse =
        options.coarse.at(block / across * layout.rows_per_block, block % across * layout.columns_per_block,
                          across * layout.columns_per_block);
    const ScaleAndZero found = scale_of_range(-zero[block], scale[block], points, options, coarse);
    scale[block] = found.scale;
    zero[block] = found.zero;
}

void find_segment_scales(MatrixView<const float> values, BlockLayout layout, const GridPoints& points,
                         ScaleOptions options, float* scale, float* zero, cudaStream_t stream) {
    const bool packed = packs_of(values, 4) && layout.columns_per_block % 4 == 0;
    const std::int64_t across = layout.blocks_across(values.columns);
    const int lanes = segment_lanes(packed ? layout.columns_per_block / 4 : layout.columns_per_block);
    const std::int64_t groups = segment_threads / lanes;
    const auto ctas = static_cast<unsigned int>(
        std::min<std::int64_t>((values.rows * across + groups - 1) / groups, std::int64_t{32} * multiprocessors()));
    if (packed)
        scales_of_segments<4><<<ctas, segment_threads, 0, stream>>>(values.data, values.rows, values.row_stride,
                                                                    layout.columns_per_block, across, lanes, points,
                                                                    options, scale, zero);
    else
        scales_of_segments<1><<<ctas, segment_threads, 0, stream>>>(values.data, values.rows, values.row_stride,
                                                                    layout.columns_per_block, across, lanes, points,
                                                                    options, scale, zero);
    GRATICULE_CUDA_CHECK(cudaGetLastError());
}

} // namespace

bool kernels_run_here() {
    cudaFuncAttributes attributes{};
    const bool runs = cudaFuncGetAttributes(&attributes, scales_of_extremes) == cudaSuccess;
    cudaGetLastError();
    return runs;
}

void find_scales(MatrixView<const float> values, BlockLayout layout, const GridPoints& points, ScaleOptions options,
                 float* scale, float* zero, cudaStream_t stream) {
    if (layout.rows_per_block == 1) {
        find_segment_scales(values, layout, points, options, scale, zero, stream);
        return;
    }
    const std::int64_t blocks = layout.count(values.rows, values.columns);
    const auto bytes = static_cast<std::size_t>(blocks) * sizeof(float);
    GRATICULE_CUDA_CHECK(cudaMemsetAsync(scale, 0, bytes, stream));
    GRATICULE_CUDA_CHECK(cudaMemsetAsync(zero, 0, bytes, stream));
    const std::int64_t pieces =
        values.rows / layout.rows_per_block * ((layout.rows_per_block + walk_rows - 1) / walk_rows);
    const dim3 grid(static_cast<unsigned int>((values.columns + segment_threads - 1) / segment_threads),
                    static_cast<unsigned int>(std::min<std::int64_t>(pieces, 65535)));
    extremes_of_columns<<<grid, segment_threads, 0, stream>>>(
        values.data, values.rows, values.columns, values.row_stride, layout.rows_per_block, layout.columns_per_block,
        layout.blocks_across(values.columns), scale, zero);
    GRATICULE_CUDA_CHECK(cudaGetLastError());
    scales_of_extremes<<<static_cast<unsigned int>((blocks + 255) / 256), 256, 0, stream>>>(
        blocks, layout.blocks_across(values.columns), layout, points, options, scale, zero);
    GRATICULE_CUDA_CHECK(cudaGetLastError());
}

} // namespace graticule::cuda
