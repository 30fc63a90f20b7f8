// Scales from the values, then fake quantization with them.                          (rows, columns) -> (rows, columns)
//
// Blocks one row high: the group of lanes that owns a segment (device/segments.cuh) walks it twice, for the extremes
// and to quantize. The second walk finds it in the first-level cache, 64 KiB a CTA at 16,384 columns, so device memory
// is read once and written once. Keeping the values in registers instead was tried: three times the kernels, a minute
// of compilation. Higher blocks span multiprocessors: find_scales into scratch memory, then fake_quantize, 12 bytes a
// value.
#include <algorithm>

#include "kernels/cuda/device/counts.cuh"
#include "kernels/cuda/device/counts_call.h"
#include "kernels/cuda/device/points.cuh"
#include "kernels/cuda/device/segments.cuh"
#include "kernels/cuda/ops.h"

namespace graticule::cuda {
namespace {

struct SegmentArguments {
    const float* input;
    std::int64_t segments, stride, columns_per_block, across;
    int lanes;
    ScaleOptions options;
    float* out;
    std::int64_t out_stride;
    CountsTarget counts;
};

template <GridKind kind, bool counted>
struct DynamicShared {
    SegmentShared segment;
    SharedTable<kind> table;
    CountsShared counts;
};
template <GridKind kind>
struct DynamicShared<kind, false> {
    SegmentShared segment;
    SharedTable<kind> table;
};

template <GridKind kind, int width, bool counted>
__global__ void __launch_bounds__(segment_threads)
    quantize_segments(const __grid_constant__ SegmentArguments a, const __grid_constant__ GridPoints points) {
    __shared__ DynamicShared<kind, counted> shared;
    shared.table.load(points);
    ThreadCounts counts;
    if constexpr (counted) ThreadCounts::clear(shared.counts);
    __syncthreads();

    const int groups = segment_threads / a.lanes;
    const int lane = static_cast<int>(threadIdx.x) % a.lanes;
    const int step = a.lanes * width;
    for (std::int64_t base = static_cast<std::int64_t>(blockIdx.x) * groups; base < a.segments;
         base += static_cast<std::int64_t>(gridDim.x) * groups) {
        const std::int64_t segment = base + threadIdx.x / a.lanes;
        const bool present = segment < a.segments;
        const std::int64_t row = segment / a.across, first = segment % a.across * a.columns_per_block;
        const float* input = a.input + row * a.stride + first;
        float* out = a.out + row * a.out_stride + first;
        const std::int64_t length = present ? a.columns_per_block : 0;

        float low = 0, high = 0;
#pragma unroll 4
        for (std::int64_t c = lane * width; c < length; c += step) {
            const FloatPack<width> x = load_floats<width>(input + c);
#pragma unroll
            for (int i = 0; i < width; ++i) join_extremes(x.at[i], low, high);
        }
        reduce_extremes(shared.segment, a.lanes, low, high);
        // Every lane finds the same: what the second candidate reads is one address a step for all of them.
        const ScaleAndZero found = present ? scale_of_segment(a.input, segment, a.stride, a.columns_per_block, a.across,
                                                              low, high, points, a.options)
                                           : ScaleAndZero{1.0F, 0.0F};
        if (a.options.second_largest > 0.0F) __syncthreads(); // out may be the input: all have read before one writes
        BlockPoint blocks[width];
#pragma unroll
        for (int i = 0; i < width; ++i) blocks[i] = block_point<kind>(points, found.scale, found.zero);

#pragma unroll 2
        for (std::int64_t c = lane * width; c < length; c += step) {
            const FloatPack<width> x = load_floats<width>(input + c);
            FloatPack<width> values;
            float steps[width];
            Point nearest_points[width];
#pragma unroll
            for (int i = 0; i < width; ++i) {
                steps[i] = in_steps(x.at[i], found.scale);
                nearest_points[i] = nearest<kind>(points, shared.table, blocks[i], steps[i]);
                values.at[i] = nearest_points[i].multiple * found.scale;
            }
            store_floats<width>(out + c, values);
            if constexpr (counted)
                counts.template count<width>(shared.counts, points, blocks, x.at, steps, nearest_points);
        }
    }
    if constexpr (counted) counts.finish(shared.counts, blockIdx.x, gridDim.x, a.counts.sums_of_ctas, a.counts.result);
}

template <int width, bool counted>
void launch(unsigned int ctas, const SegmentArguments& arguments, const GridPoints& points, cudaStream_t stream) {
    for_kind(points.kind, [&]<GridKind kind>() {
        quantize_segments<kind, width, counted><<<ctas, segment_threads, 0, stream>>>(arguments, points);
    });
    GRATICULE_CUDA_CHECK(cudaGetLastError());
}

} // namespace

/// Blocks of several rows: their scales and zeros, between the two passes over memory.
std::size_t dynamic_workspace_bytes(std::int64_t rows, std::int64_t columns, BlockLayout layout) {
    if (layout.rows_per_block == 1) return 0;
    return 2 * static_cast<std::size_t>(layout.count(rows, columns)) * sizeof(float);
}

void fake_quantize_dynamic(MatrixView<const float> values, BlockLayout layout, const GridPoints& points,
                           ScaleOptions options, MatrixView<float> out, QuantizeCounts* counts, float* workspace,
                           cudaStream_t stream) {
    const bool packed = packs_of(values, 4) && packs_of(out, 4) && layout.columns_per_block % 4 == 0;
    const int lanes = segment_lanes(packed ? layout.columns_per_block / 4 : layout.columns_per_block);
    if (layout.rows_per_block != 1) {
        float *scale = workspace, *zero = workspace + layout.count(values.rows, values.columns);
        find_scales(values, layout, points, options, scale, zero, stream);
        fake_quantize(values, layout, points, scale, zero, out, counts, stream);
        return;
    }
    const std::int64_t across = layout.blocks_across(values.columns);
    const std::int64_t segments = values.rows * across;
    const std::int64_t groups = segment_threads / lanes;
    const bool counted = counts != nullptr;
    const auto ctas = static_cast<unsigned int>(
        std::min<std::int64_t>((segments + groups - 1) / groups, std::int64_t{counted ? 6 : 32} * multiprocessors()));
    CountsCall call(counts, static_cast<int>(ctas), 0, stream);
    const SegmentArguments arguments{values.data, segments, values.row_stride, layout.columns_per_block, across,
                                     lanes,       options,  out.data,          out.row_stride,           call.target()};
    if (packed && counted)
        launch<4, true>(ctas, arguments, points, stream);
    else if (packed)
        launch<4, false>(ctas, arguments, points, stream);
    else if (counted)
        launch<1, true>(ctas, arguments, points, stream);
    else
        launch<1, false>(ctas, arguments, points, stream);
    call.finish(values.rows * values.columns);
}

} // namespace graticule::cuda
