// The elementwise kernel of quantize.cu.
//
//   x[r, c] / s -> nearest point -> codes[r, c] or values[r, c], and counts              (rows, columns)
//
//            columns, `width` values a thread
//   rows   | thread x 0 | thread x 1 | ...      a CTA is block.x packs wide and block.y rows high (256 threads);
//          |   row + block.y * gridDim.y ...    grid.x CTAs cover the columns, grid.y CTAs share the rows, each thread
//                                               walking down two rows at a time so that two loads are under way.
//
// A thread keeps its columns, so the block index across is computed once; blocks must be `width` columns wide or more,
// or one.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>

#include "kernels/cuda/device/counts.cuh"
#include "kernels/cuda/device/counts_call.h"
#include "kernels/cuda/device/pack.cuh"
#include "kernels/cuda/device/points.cuh"

namespace graticule::cuda {

inline constexpr int tile_threads = 256;

struct TileArguments {
    const float* input;
    std::int64_t rows, columns, input_stride;
    const float* scale;
    const float* zero;
    std::int64_t rows_per_block, columns_per_block, across;
    float* values; ///< one of values and codes is null
    std::uint8_t* codes;
    std::int64_t output_stride;
    CountsTarget counts;
};

template <GridKind kind, int width, bool counted>
struct TileShared {
    SharedTable<kind> table;
    CountsShared counts;
};
template <GridKind kind, int width>
struct TileShared<kind, width, false> {
    SharedTable<kind> table;
};

/// The blocks of one pack: one for all its values, or one each where blocks are one column wide.
template <GridKind kind, int width>
__device__ __forceinline__ void blocks_of_pack(const TileArguments& a, const GridPoints& points, std::int64_t block_row,
                                               std::int64_t block_column, BlockPoint (&blocks)[width]) {
    const std::int64_t first = block_row * a.across + block_column;
#pragma unroll
    for (int i = 0; i < width; ++i) {
        const bool same = i > 0 && a.columns_per_block != 1;
        const std::int64_t index = first + (same ? 0 : i);
        blocks[i] = same ? blocks[0] : block_point<kind>(points, a.scale[index], a.zero[index]);
    }
}

template <GridKind kind, int width, bool counted>
__global__ void __launch_bounds__(tile_threads)
    quantize_tile(const __grid_constant__ TileArguments a, const __grid_constant__ GridPoints points) {
    __shared__ TileShared<kind, width, counted> shared;
    shared.table.load(points);
    ThreadCounts counts;
    if constexpr (counted) ThreadCounts::clear(shared.counts);
    __syncthreads();

    const std::int64_t column = (static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * width;
    if (column < a.columns) {
        const std::int64_t block_column = column / a.columns_per_block;
        const auto step = static_cast<std::int64_t>(gridDim.y) * blockDim.y;
        for (std::int64_t row = static_cast<std::int64_t>(blockIdx.y) * blockDim.y + threadIdx.y; row < a.rows;
             row += 2 * step) {
            const bool two = row + step < a.rows;
            FloatPack<width> x[2];
            x[0] = load_floats<width>(a.input + row * a.input_stride + column);
            if (two) x[1] = load_floats<width>(a.input + (row + step) * a.input_stride + column);
#pragma unroll
            for (int k = 0; k < 2; ++k) {
                if (k == 1 && !two) break;
                const std::int64_t at = row + k * step;
                // Rows fit 32 bits (checked by the launcher); a 64-bit division here would cost as much as the rest.
                const std::int64_t block_row = a.rows_per_block == 1 ? at
                                                                     : static_cast<std::uint32_t>(at) /
                                                                           static_cast<std::uint32_t>(a.rows_per_block);
                BlockPoint blocks[width];
                blocks_of_pack<kind, width>(a, points, block_row, block_column, blocks);
                float steps[width];
                Point nearest_points[width];
                FloatPack<width> values;
                CodePack<width> codes;
#pragma unroll
                for (int i = 0; i < width; ++i) {
                    steps[i] = in_steps(x[k].at[i], blocks[i].scale);
                    nearest_points[i] = nearest<kind>(points, shared.table, blocks[i], steps[i]);
                    values.at[i] = nearest_points[i].multiple * blocks[i].scale;
                    codes.at[i] = static_cast<std::uint8_t>(nearest_points[i].code);
                }
                if (a.values != nullptr)
                    store_floats<width>(a.values + at * a.output_stride + column, values);
                else
                    store_codes<width>(a.codes + at * a.output_stride + column, codes);
                if constexpr (counted)
                    counts.template count<width>(shared.counts, points, blocks, x[k].at, steps, nearest_points);
            }
        }
    }
    if constexpr (counted)
        counts.finish(shared.counts, blockIdx.y * gridDim.x + blockIdx.x, gridDim.x * gridDim.y, a.counts.sums_of_ctas,
                      a.counts.result);
}

/// Threads and CTAs for a matrix of `packs` packs a row.
struct TileShape {
    dim3 block, grid;

    TileShape(std::int64_t rows, std::int64_t packs, bool counted) {
        unsigned int wide = 1;
        while (wide < tile_threads && wide < packs) wide *= 2;
        block = dim3(wide, tile_threads / wide);
        const std::int64_t across = (packs + wide - 1) / wide;
        // A counting CTA clears and adds up 2048 counters: few long ones. Without counts more and shorter ones balance
        // better.
        const std::int64_t ctas = std::int64_t{counted ? 6 : 32} * multiprocessors();
        const std::int64_t wanted = std::max<std::int64_t>(1, ctas / across);
        const std::int64_t useful = (rows + 2 * block.y - 1) / (2 * block.y);
        grid =
            dim3(static_cast<unsigned int>(across),
                 static_cast<unsigned int>(std::clamp<std::int64_t>(wanted, 1, std::min<std::int64_t>(useful, 65535))));
    }
    [[nodiscard]] int ctas() const { return static_cast<int>(grid.x * grid.y); }
};

template <int width, bool counted>
void launch_tile(const TileShape& shape, const TileArguments& arguments, const GridPoints& points,
                 cudaStream_t stream) {
    for_kind(points.kind, [&]<GridKind kind>() {
        quantize_tile<kind, width, counted><<<shape.grid, shape.block, 0, stream>>>(arguments, points);
    });
    GRATICULE_CUDA_CHECK(cudaGetLastError());
}

} // namespace graticule::cuda
