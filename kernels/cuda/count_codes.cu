// What became of values as codes, and how they lie in steps of their scale: 5 bytes a value are read, none written.
//                                                                                            (rows, columns) -> figures
// Same split as device/quantize_tile.cuh: a thread keeps its columns and walks down the rows, here one at a time.
#include <vector>

#include "kernels/cuda/device/quantize_tile.cuh"
#include "kernels/cuda/device/step_counts.cuh"
#include "kernels/cuda/ops.h"

namespace graticule::cuda {
namespace {

struct CodedArguments {
    TileArguments tile; ///< its codes are read
    StepResult* steps;
};

struct CodedShared {
    float table[256];
    CountsShared counts;
    StepShared steps;
};

template <GridKind kind, int width>
__global__ void __launch_bounds__(tile_threads)
    count_tile(const __grid_constant__ CodedArguments coded, const __grid_constant__ GridPoints points) {
    __shared__ CodedShared shared;
    const TileArguments& a = coded.tile;
    for (int i = threadIdx.x + blockDim.x * threadIdx.y; i < 256; i += blockDim.x * blockDim.y)
        shared.table[i] = points.table[i];
    ThreadCounts::clear(shared.counts);
    ThreadSteps::clear(shared.steps);
    __syncthreads();
    ThreadCounts counts;
    ThreadSteps steps_in_use;
    const std::int64_t column = (static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * width;
    if (column < a.columns) {
        const std::int64_t block_column = column / a.columns_per_block;
        const auto step = static_cast<std::int64_t>(gridDim.y) * blockDim.y;
        for (std::int64_t row = static_cast<std::int64_t>(blockIdx.y) * blockDim.y + threadIdx.y; row < a.rows;
             row += step) {
            const FloatPack<width> x = load_floats<width>(a.input + row * a.input_stride + column);
            const auto codes = *reinterpret_cast<const CodePack<width>*>(a.codes + row * a.output_stride + column);
            const std::int64_t block_row =
                a.rows_per_block == 1 ? row
                                      : static_cast<std::uint32_t>(row) / static_cast<std::uint32_t>(a.rows_per_block);
            BlockPoint blocks[width];
            blocks_of_pack<kind, width>(a, points, block_row, block_column, blocks);
            float steps[width];
            Point became[width];
#pragma unroll
            for (int i = 0; i < width; ++i) {
                const float y = x.at[i] / blocks[i].scale;
                steps_in_use.count(shared.steps, coded.steps, x.at[i], y);
                steps[i] = y == y ? y : 0.0F;
                became[i] = {codes.at[i], multiple_of_code<kind>(points, shared.table, codes.at[i], blocks[i].zero)};
            }
            counts.template count<width, Lost::not_clipped>(shared.counts, points, blocks, x.at, steps, became);
        }
    }
    counts.finish(shared.counts, blockIdx.y * gridDim.x + blockIdx.x, gridDim.x * gridDim.y, a.counts.sums_of_ctas,
                  a.counts.result);
    steps_in_use.finish(shared.steps, coded.steps);
}

template <int width>
void launch(const TileShape& shape, const CodedArguments& arguments, const GridPoints& points, cudaStream_t stream) {
    for_kind(points.kind, [&]<GridKind kind>() {
        count_tile<kind, width><<<shape.grid, shape.block, 0, stream>>>(arguments, points);
    });
    GRATICULE_CUDA_CHECK(cudaGetLastError());
}

/// Only the bins in use travel.
StepCounts to_host(const StepResult* result, cudaStream_t stream) {
    const auto fetch = [&](void* to, const void* from, std::size_t bytes) {
        GRATICULE_CUDA_CHECK(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream));
        GRATICULE_CUDA_CHECK(cudaStreamSynchronize(stream));
    };
    struct {
        unsigned int below_end, highest;
        float largest;
    } reach{};
    fetch(&reach, result, sizeof reach);
    StepCounts steps;
    if (reach.below_end == 0) return steps;
    const std::int32_t lowest = StepBins::not_counted - static_cast<std::int32_t>(reach.below_end);
    steps.largest = reach.largest;
    steps.first = lowest - StepBins::a_side;
    steps.counts.resize(static_cast<std::size_t>(static_cast<std::int32_t>(reach.highest) - lowest + 1));
    static_assert(sizeof(steps.counts[0]) == sizeof(result->bins[0]));
    fetch(steps.counts.data(), result->bins + lowest, steps.counts.size() * sizeof(steps.counts[0]));
    return steps;
}

} // namespace

WeightFigures count_codes(MatrixView<const float> values, MatrixView<const std::uint8_t> codes, BlockLayout layout,
                          const GridPoints& points, const float* scale, const float* zero, cudaStream_t stream) {
    const bool packed = packs_of(values, 4) && packs_of(codes, 4) &&
                        (layout.columns_per_block % 4 == 0 || layout.columns_per_block == 1);
    const TileShape shape(values.rows, packed ? values.columns / 4 : values.columns, true);
    WeightFigures figures;
    CountsCall call(&figures.counts, shape.ctas(), sizeof(StepResult), stream);
    auto* steps = static_cast<StepResult*>(call.scratch());
    GRATICULE_CUDA_CHECK(cudaMemsetAsync(steps, 0, sizeof(StepResult), stream));
    const CodedArguments arguments{.tile = {.input = values.data,
                                            .rows = values.rows,
                                            .columns = values.columns,
                                            .input_stride = values.row_stride,
                                            .scale = scale,
                                            .zero = zero,
                                            .rows_per_block = layout.rows_per_block,
                                            .columns_per_block = layout.columns_per_block,
                                            .across = layout.blocks_across(values.columns),
                                            .values = nullptr,
                                            .codes = const_cast<std::uint8_t*>(codes.data), // only read
                                            .output_stride = codes.row_stride,
                                            .counts = call.target()},
                                   .steps = steps};
    if (packed)
        launch<4>(shape, arguments, points, stream);
    else
        launch<1>(shape, arguments, points, stream);
    call.finish(values.rows * values.columns);
    figures.steps = to_host(steps, stream);
    return figures;
}

} // namespace graticule::cuda
