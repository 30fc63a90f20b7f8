// GPTQ's columns one after the other: a warp per row, the row in shared memory.      (rows, columns) -> (rows, columns)
//
//   w[i] -> nearest point -> e = (w[i] - value) / U[i,i] -> w[j] -= e U[i,j] for all later j
//
// Columns are a chain, rows are independent, so a call takes as long as one row's chain while all rows fit the card at
// once. Every lane rounds w[i] itself rather than being told; lanes then share the later columns. All warps read the
// same row of U at about the same time, from the first-level cache. A block of columns too wide for shared memory keeps
// its rows in `error`, whose elements are written for good only when their column has been walked.
#include "kernels/cuda/device/check.h"
#include "kernels/cuda/device/points.cuh"
#include "kernels/cuda/ops.h"

namespace graticule::cuda {
namespace {

constexpr int warps = 8; // rows of a CTA
constexpr std::int64_t widest_shared = 1024;

template <GridKind kind>
__global__ void __launch_bounds__(warps * 32)
    walk_rows(const __grid_constant__ GptqWalk a, const __grid_constant__ GridPoints points, bool in_shared) {
    extern __shared__ float rows[];
    __shared__ SharedTable<kind> table;
    table.load(points);
    __syncthreads();
    const std::int64_t r = static_cast<std::int64_t>(blockIdx.x) * warps + threadIdx.y;
    if (r >= a.weight.rows) return;
    const int lane = static_cast<int>(threadIdx.x);
    const std::int64_t columns = a.weight.columns;
    const float* weight = a.weight.data + r * a.weight.row_stride;
    const float* scale = a.scale.data + r * a.scale.row_stride;
    const float* zero = a.zero.data + r * a.zero.row_stride;
    float* errors = a.error.data + r * a.error.row_stride;
    float* row = in_shared ? rows + threadIdx.y * columns : errors;
    for (std::int64_t j = lane; j < columns; j += 32) row[j] = weight[j];
    __syncwarp();
    for (std::int64_t i = 0; i < columns; ++i) {
        const float* factor = a.factor.data + i * a.factor.row_stride;
        const float w = row[i], s = scale[i];
        const Point point = nearest<kind>(points, table, block_point<kind>(points, s, zero[i]), in_steps(w, s));
        const float value = point.multiple * s;
        const float error = (w - value) / factor[i];
        __syncwarp(); // before row[i] may become its error
        if (lane == 0) {
            a.codes.data[r * a.codes.row_stride + i] = static_cast<std::uint8_t>(point.code);
            a.values.data[r * a.values.row_stride + i] = value;
            errors[i] = error;
        }
        for (std::int64_t j = i + 1 + lane; j < columns; j += 32) row[j] -= error * factor[j];
        __syncwarp();
    }
}

template <GridKind kind>
void launch(const GptqWalk& walk, const GridPoints& points, cudaStream_t stream) {
    const bool in_shared = walk.weight.columns <= widest_shared;
    const std::size_t bytes = in_shared ? sizeof(float) * warps * static_cast<std::size_t>(walk.weight.columns) : 0;
    const auto ctas = static_cast<unsigned>((walk.weight.rows + warps - 1) / warps);
    walk_rows<kind><<<ctas, dim3(32, warps), bytes, stream>>>(walk, points, in_shared);
    GRATICULE_CUDA_CHECK(cudaGetLastError());
}

} // namespace

void gptq_walk(const GptqWalk& walk, const GridPoints& points, cudaStream_t stream) {
    for_kind(points.kind, [&]<GridKind kind>() { launch<kind>(walk, points, stream); });
}

} // namespace graticule::cuda
