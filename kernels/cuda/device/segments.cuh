// Blocks that are one row high are *segments*: `columns_per_block` neighbouring values. A group of `lanes` threads owns
// a segment: 8 or 32 lanes of a warp, or a whole CTA of 256. Used where the scale follows from the segment itself.
//
//   lane 0: pack 0, pack lanes, pack 2*lanes ...        (packs of `width` values)
//   lane 1: pack 1, pack lanes+1 ...
#pragma once

#include <cuda_runtime.h>

#include "kernels/api/scale_rule.h"
#include "kernels/cuda/device/pack.cuh"

namespace graticule::cuda {

inline constexpr int segment_threads = 256;

/// Joins value into the extremes; one that is not finite counts as 0, which every range includes.
__device__ __forceinline__ void join_extremes(float value, float& low, float& high) {
    value = is_finite(value) ? value : 0.0F;
    low = fminf(low, value);
    high = fmaxf(high, value);
}

struct SegmentShared {
    float low[segment_threads / 32], high[segment_threads / 32];
};

/// Extremes over the group, the same on all its lanes. Every thread of the CTA must call it.
__device__ __forceinline__ void reduce_extremes(SegmentShared& shared, int lanes, float& low, float& high) {
    const int within_warp = lanes < 32 ? lanes : 32;
    for (int offset = within_warp / 2; offset > 0; offset /= 2) {
        low = fminf(low, __shfl_xor_sync(0xffffffffU, low, offset));
        high = fmaxf(high, __shfl_xor_sync(0xffffffffU, high, offset));
    }
    if (lanes <= 32) return;
    __syncthreads(); // the values of the segment before have been read
    if (threadIdx.x % 32 == 0) {
        shared.low[threadIdx.x / 32] = low;
        shared.high[threadIdx.x / 32] = high;
    }
    __syncthreads();
    for (int warp = 0; warp < segment_threads / 32; ++warp) {
        low = fminf(low, shared.low[warp]);
        high = fmaxf(high, shared.high[warp]);
    }
}

/// Scale and zero point of a segment with these extremes, the values walked once more where the options ask for it.
__device__ __forceinline__ ScaleAndZero scale_of_segment(const float* input, std::int64_t segment, std::int64_t stride,
                                                         std::int64_t columns_per_block, std::int64_t across, float low,
                                                         float high, const GridPoints& points,
                                                         const ScaleOptions& options) {
    const std::int64_t row = segment / across, first = segment % across * columns_per_block;
    const float coarse = options.coarse.at(row, first, across * columns_per_block);
    ScaleAndZero found = scale_of_range(low, high, points, options, coarse);
    if (options.second_largest > 0.0F)
        found.scale = better_scale_of_run(found.scale, low, high, input + row * stride + first, columns_per_block,
                                          points, options, coarse);
    return found;
}

/// Lanes for segments of `packs` packs: few enough that most have work.
inline int segment_lanes(std::int64_t packs) { return packs <= 16 ? 8 : packs <= 256 ? 32 : segment_threads; }

} // namespace graticule::cuda
