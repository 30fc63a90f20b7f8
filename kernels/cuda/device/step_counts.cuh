// StepCounts on the device: how values lie in steps of their block's scale. Bins near zero, where nearly all values of
// a weight in four bits lie, are counted in shared memory and joined at the end; the others at once in the bins of all.
#pragma once

#include <cstdint>

#include "kernels/api/counts.h"
#include "kernels/api/grid_points.h"

namespace graticule::cuda {

/// What comes back to the host, all zero before the launch.
struct StepResult {
    unsigned int below_end; ///< StepBins::not_counted less the lowest bin in use; 0: none is
    unsigned int highest;   ///< bin in use
    unsigned int largest;   ///< magnitude among those counted, as bits: they are ordered as the numbers are
    unsigned int unused;
    unsigned long long bins[StepBins::not_counted + 1];
};

inline constexpr int near_steps = 32; ///< on either side
inline constexpr int near_bins = 2 * near_steps * StepCounts::bins_a_step;
inline constexpr int first_near_bin = StepBins::a_side - near_bins / 2;

struct StepShared {
    unsigned int bins[near_bins];
};

class ThreadSteps {
public:
    /// Needs a barrier before the first count.
    __device__ static void clear(StepShared& shared) {
        const int thread = threadIdx.x + blockDim.x * threadIdx.y;
        for (int i = thread; i < near_bins; i += blockDim.x * blockDim.y) shared.bins[i] = 0;
    }

    /// `steps` is x over its block's scale, NaN left as it is.
    __device__ __forceinline__ void count(StepShared& shared, StepResult* result, float x, float steps) {
        const float magnitude = magnitude_of(steps);
        if (!is_finite(x) || !(magnitude <= StepCounts::farthest)) return;
        const auto bin = static_cast<int>(floorf(steps * StepCounts::bins_a_step)) + StepBins::a_side;
        const auto near = static_cast<unsigned int>(bin - first_near_bin);
        if (near < static_cast<unsigned int>(near_bins))
            atomicAdd(&shared.bins[near], 1U);
        else
            atomicAdd(&result->bins[bin], 1ULL);
        below_end_ = max(below_end_, static_cast<unsigned int>(StepBins::not_counted - bin));
        highest_ = max(highest_, static_cast<unsigned int>(bin));
        largest_ = max(largest_, __float_as_uint(magnitude) & 0x7fffffffU); // -0 stays -0
    }

    /// All threads of the CTA, after their last count.
    __device__ void finish(StepShared& shared, StepResult* result) const {
        const int thread = threadIdx.x + blockDim.x * threadIdx.y;
        const unsigned int reach[3] = {__reduce_max_sync(0xffffffffU, below_end_),
                                       __reduce_max_sync(0xffffffffU, highest_),
                                       __reduce_max_sync(0xffffffffU, largest_)};
        if (thread % 32 == 0) {
            atomicMax(&result->below_end, reach[0]);
            atomicMax(&result->highest, reach[1]);
            atomicMax(&result->largest, reach[2]);
        }
        __syncthreads();
        for (int i = thread; i < near_bins; i += blockDim.x * blockDim.y)
            if (shared.bins[i] != 0)
                atomicAdd(&result->bins[first_near_bin + i], static_cast<unsigned long long>(shared.bins[i]));
    }

private:
    unsigned int below_end_ = 0, highest_ = 0, largest_ = 0;
};

} // namespace graticule::cuda
