// Values of codes in their blocks: 1 byte read, 4 written.                           (rows, columns) -> (rows, columns)
//
//   values[r, c] = multiple_of_code(codes[r, c], zero[block]) * scale[block]
//
// Same split as device/quantize_tile.cuh: a thread keeps its columns and walks down the rows, here one at a time.
#include "kernels/cuda/device/quantize_tile.cuh"
#include "kernels/cuda/ops.h"

namespace graticule::cuda {
namespace {

struct DequantizeArguments {
    const std::uint8_t* codes;
    std::int64_t rows, columns, codes_stride;
    const float* scale;
    const float* zero;
    std::int64_t rows_per_block, columns_per_block, across;
    float* values;
    std::int64_t values_stride;
};

template <GridKind kind, int width>
__global__ void __launch_bounds__(tile_threads)
    dequantize_tile(const __grid_constant__ DequantizeArguments a, const __grid_constant__ GridPoints points) {
    __shared__ float table[256];
    for (int i = threadIdx.x + blockDim.x * threadIdx.y; i < 256; i += blockDim.x * blockDim.y)
        table[i] = points.table[i];
    __syncthreads();
    const std::int64_t column = (static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * width;
    if (column >= a.columns) return;
    const std::int64_t block_column = column / a.columns_per_block;
    const auto step = static_cast<std::int64_t>(gridDim.y) * blockDim.y;
    for (std::int64_t row = static_cast<std::int64_t>(blockIdx.y) * blockDim.y + threadIdx.y; row < a.rows;
         row += step) {
        const std::int64_t block_row =
            a.rows_per_block == 1 ? row
                                  : static_cast<std::uint32_t>(row) / static_cast<std::uint32_t>(a.rows_per_block);
        const std::int64_t first = block_row * a.across + block_column;
        const auto codes = *reinterpret_cast<const CodePack<width>*>(a.codes + row * a.codes_stride + column);
        FloatPack<width> values;
#pragma unroll
        for (int i = 0; i < width; ++i) {
            const std::int64_t block = first + (a.columns_per_block == 1 ? i : 0);
            values.at[i] = multiple_of_code<kind>(points, table, codes.at[i], a.zero[block]) * a.scale[block];
        }
        store_floats<width>(a.values + row * a.values_stride + column, values);
    }
}

template <int width>
void launch(const TileShape& shape, const DequantizeArguments& arguments, const GridPoints& points,
            cudaStream_t stream) {
    for_kind(points.kind, [&]<GridKind kind>() {
        dequantize_tile<kind, width><<<shape.grid, shape.block, 0, stream>>>(arguments, points);
    });
    GRATICULE_CUDA_CHECK(cudaGetLastError());
}

} // namespace

void dequantize(MatrixView<const std::uint8_t> codes, BlockLayout layout, const GridPoints& points, const float* scale,
                const float* zero, MatrixView<float> values, cudaStream_t stream) {
    const bool packed = packs_of(values, 4) && packs_of(codes, 4) &&
                        (layout.columns_per_block % 4 == 0 || layout.columns_per_block == 1);
    const TileShape shape(codes.rows, packed ? codes.columns / 4 : codes.columns, false);
    const DequantizeArguments arguments{codes.data,
                                        codes.rows,
                                        codes.columns,
                                        codes.row_stride,
                                        scale,
                                        zero,
                                        layout.rows_per_block,
                                        layout.columns_per_block,
                                        layout.blocks_across(codes.columns),
                                        values.data,
                                        values.row_stride};
    if (packed)
        launch<4>(shape, arguments, points, stream);
    else
        launch<1>(shape, arguments, points, stream);
}

} // namespace graticule::cuda
