// QuantizeCounts on the device. Each thread keeps its own, a CTA adds them up (whole numbers by atomics, which are
// exact in any order; sums in a fixed order), the last CTA to finish adds the CTAs' sums in their order. Same shape,
// same device: same bits.
//
// Squares are float32 within one pack of 4 values and float64 from there on, so a consumer card with few float64 units
// keeps up with its memory; packs whose squares could overflow or vanish in float32 take a float64 path.
#pragma once

#include <cstdint>

#include "kernels/api/backend.h"
#include "kernels/api/grid_points.h"

namespace graticule::cuda {

inline constexpr int code_copies =
    8; ///< counters of a code in shared memory, so that lanes with one code rarely collide

/// What comes back to the host.
struct CountsResult {
    unsigned long long zeros_in, underflow, clipped, not_finite;
    unsigned long long codes_used[256];
    double squared_value, squared_error, squared_underflow, squared_clip;
    unsigned int finished_ctas;
};

struct CountsSums {
    double squared_value, squared_error, squared_underflow, squared_clip;
};

struct CountsShared {
    unsigned int codes[256 * code_copies];
    unsigned int whole[4];
    CountsSums warp_sums[32];
    bool is_last;
};

__device__ __forceinline__ double warp_sum(double value) {
    for (int offset = 16; offset > 0; offset /= 2) value += __shfl_xor_sync(0xffffffffU, value, offset);
    return value;
}

/// Neither too large nor so small that its square, or a share of it that counts, is lost; nothing at all is lost of 0.
__device__ __forceinline__ bool square_fits_float32(float magnitude) {
    return magnitude < 1e18F && (magnitude > 1e-12F || magnitude == 0.0F);
}

/// Whether a value that became zero and lies beyond the range is counted as clipped as well.
enum class Lost { clipped_too, not_clipped };

class ThreadCounts {
public:
    /// Needs a barrier before the first count.
    __device__ static void clear(CountsShared& shared) {
        const int thread = threadIdx.x + blockDim.x * threadIdx.y;
        for (int i = thread; i < 256 * code_copies; i += blockDim.x * blockDim.y) shared.codes[i] = 0;
        if (thread < 4) shared.whole[thread] = 0;
    }

    template <int width, Lost lost = Lost::clipped_too>
    __device__ void count(CountsShared& shared, const GridPoints& points, const BlockPoint* blocks, const float* x,
                          const float* steps, const Point* nearest) {
        float squared_value = 0, squared_error = 0, squared_underflow = 0, squared_clip = 0;
        float largest = 0, largest_error = 0; // a method's codes may be far off
#pragma unroll
        for (int i = 0; i < width; ++i) {
            const bool finite = is_finite(x[i]);
            const float value = finite ? x[i] : 0.0F;
            const float error = finite ? nearest[i].multiple * blocks[i].scale - value : 0.0F;
            const bool is_underflow = finite && value != 0.0F && nearest[i].multiple == 0.0F;
            const bool is_clipped = finite && !(lost == Lost::not_clipped && is_underflow) &&
                                    (steps[i] < blocks[i].hull_low - points.margin_below ||
                                     steps[i] > blocks[i].hull_high + points.margin_above);
            largest = fmaxf(largest, fabsf(value));
            largest_error = fmaxf(largest_error, fabsf(error));
            squared_value += value * value;
            squared_error += error * error;
            squared_underflow += is_underflow ? error * error : 0.0F;
            squared_clip += is_clipped ? error * error : 0.0F;
            zeros_in_ += x[i] == 0.0F;
            underflow_ += is_underflow;
            clipped_ += is_clipped;
            not_finite_ += !finite;
            atomicAdd(&shared.codes[nearest[i].code * code_copies + threadIdx.x % code_copies], 1U);
        }
        if (square_fits_float32(largest) && square_fits_float32(largest_error)) {
            sums_.squared_value += static_cast<double>(squared_value);
            sums_.squared_error += static_cast<double>(squared_error);
            if (squared_underflow != 0.0F) sums_.squared_underflow += static_cast<double>(squared_underflow);
            if (squared_clip != 0.0F) sums_.squared_clip += static_cast<double>(squared_clip);
        } else {
            add_in_float64<width, lost>(points, blocks, x, steps, nearest);
        }
    }

    /// All threads of the CTA, after their last count. `ctas` CTAs in all, this one is number `cta`.
    __device__ void finish(CountsShared& shared, int cta, int ctas, CountsSums* sums_of_ctas, CountsResult* result);

private:
    template <int width, Lost lost>
    __device__ __forceinline__ void add_in_float64(const GridPoints& points, const BlockPoint* blocks, const float* x,
                                                   const float* steps, const Point* nearest) {
#pragma unroll // inlined and unrolled, or the arrays would move to local memory for everybody
        for (int i = 0; i < width; ++i) {
            if (!is_finite(x[i])) continue;
            const double value = x[i];
            const double error = static_cast<double>(nearest[i].multiple * blocks[i].scale) - value;
            const bool is_underflow = value != 0 && nearest[i].multiple == 0.0F;
            const bool is_clipped =
                !(lost == Lost::not_clipped && is_underflow) && (steps[i] < blocks[i].hull_low - points.margin_below ||
                                                                 steps[i] > blocks[i].hull_high + points.margin_above);
            sums_.squared_value += value * value;
            sums_.squared_error += error * error;
            if (is_underflow) sums_.squared_underflow += error * error;
            if (is_clipped) sums_.squared_clip += error * error;
        }
    }

    __device__ void add_up_ctas(CountsShared& shared, int ctas, const CountsSums* sums_of_ctas, CountsResult* result);
    __device__ static CountsSums cta_sums(CountsShared& shared, CountsSums mine);

    unsigned int zeros_in_ = 0, underflow_ = 0, clipped_ = 0, not_finite_ = 0;
    CountsSums sums_{};
};

/// Sum over the CTA, in lane order and then warp order; valid on thread 0.
__device__ inline CountsSums ThreadCounts::cta_sums(CountsShared& shared, CountsSums mine) {
    const int thread = threadIdx.x + blockDim.x * threadIdx.y;
    const CountsSums warp{warp_sum(mine.squared_value), warp_sum(mine.squared_error), warp_sum(mine.squared_underflow),
                          warp_sum(mine.squared_clip)};
    __syncthreads();
    if (thread % 32 == 0) shared.warp_sums[thread / 32] = warp;
    __syncthreads();
    CountsSums sum{};
    if (thread == 0)
        for (int w = 0; w < static_cast<int>(blockDim.x * blockDim.y) / 32; ++w) {
            sum.squared_value += shared.warp_sums[w].squared_value;
            sum.squared_error += shared.warp_sums[w].squared_error;
            sum.squared_underflow += shared.warp_sums[w].squared_underflow;
            sum.squared_clip += shared.warp_sums[w].squared_clip;
        }
    return sum;
}

__device__ inline void ThreadCounts::add_up_ctas(CountsShared& shared, int ctas, const CountsSums* sums_of_ctas,
                                                 CountsResult* result) {
    const int thread = threadIdx.x + blockDim.x * threadIdx.y;
    CountsSums mine{};
    for (int cta = thread; cta < ctas; cta += blockDim.x * blockDim.y) {
        mine.squared_value += __ldcg(&sums_of_ctas[cta].squared_value);
        mine.squared_error += __ldcg(&sums_of_ctas[cta].squared_error);
        mine.squared_underflow += __ldcg(&sums_of_ctas[cta].squared_underflow);
        mine.squared_clip += __ldcg(&sums_of_ctas[cta].squared_clip);
    }
    const CountsSums sum = cta_sums(shared, mine);
    if (thread == 0) {
        result->squared_value = sum.squared_value;
        result->squared_error = sum.squared_error;
        result->squared_underflow = sum.squared_underflow;
        result->squared_clip = sum.squared_clip;
    }
}

__device__ inline void ThreadCounts::finish(CountsShared& shared, int cta, int ctas, CountsSums* sums_of_ctas,
                                            CountsResult* result) {
    const int thread = threadIdx.x + blockDim.x * threadIdx.y;
    const unsigned int mine[4] = {zeros_in_, underflow_, clipped_, not_finite_};
    for (int i = 0; i < 4; ++i) {
        const unsigned int warp = __reduce_add_sync(0xffffffffU, mine[i]);
        if (thread % 32 == 0 && warp != 0) atomicAdd(&shared.whole[i], warp);
    }
    const CountsSums sum = cta_sums(shared, sums_);
    if (thread == 0) sums_of_ctas[cta] = sum;
    for (int code = thread; code < 256; code += blockDim.x * blockDim.y) {
        unsigned int used = 0;
        for (int copy = 0; copy < code_copies; ++copy) used += shared.codes[code * code_copies + copy];
        if (used != 0) atomicAdd(&result->codes_used[code], static_cast<unsigned long long>(used));
    }
    if (thread < 4 && shared.whole[thread] != 0)
        atomicAdd(&result->zeros_in + thread, static_cast<unsigned long long>(shared.whole[thread]));
    __threadfence(); // sums_of_ctas[cta] before the ticket
    if (thread == 0) shared.is_last = atomicAdd(&result->finished_ctas, 1U) == static_cast<unsigned int>(ctas) - 1;
    __syncthreads();
    if (shared.is_last) add_up_ctas(shared, ctas, sums_of_ctas, result);
}

} // namespace graticule::cuda
