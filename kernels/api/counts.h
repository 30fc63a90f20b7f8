// What is counted while values are rounded.
#pragma once

#include <cstdint>
#include <vector>

namespace graticule {

/// What became of the values of one call. Counts are exact; sums are over all values of the call.
struct QuantizeCounts {
    std::int64_t total = 0;
    std::int64_t zeros_in = 0;  ///< exact zeros before quantization
    std::int64_t underflow = 0; ///< non-zero values that became zero
    std::int64_t clipped =
        0; ///< values more than half a step (table: half the outermost gap) outside the lowest or highest point
    std::int64_t not_finite = 0;        ///< NaN or infinity
    double squared_error = 0;           ///< sum (x^ - x)^2
    double squared_underflow_error = 0; ///< the part of it from values that became zero
    double squared_clip_error = 0;      ///< the part of it from clipped values
    double squared_value = 0;           ///< sum x^2
    std::int64_t codes_used[256] = {};  ///< how often each code was given; levels unused = zeros among the grid's codes
};

/// How values lie in steps of their block's scale: counts[i] of them are in [first + i, first + i + 1) / bins_a_step.
/// Sixty-four bins a step for a reader who comes near: halves and quarters of a step, where zero bins end, stay edges of
/// bins when up to sixteen are merged.
struct StepCounts {
    static constexpr std::int32_t bins_a_step = 64;
    static constexpr float farthest = 2048; ///< values more steps from zero, or not finite, are not counted
    float largest = 0;                      ///< magnitude among those counted
    std::int64_t first = 0;
    std::vector<std::int64_t> counts; ///< from the lowest bin in use to the highest
};

struct WeightFigures {
    /// As Backend::quantize counts them, except that a value which became zero is underflow and not clipped as well.
    QuantizeCounts counts;
    StepCounts steps;
};

/// The bins of StepCounts as every back end numbers them, from the lowest value that is counted on.
struct StepBins {
    static constexpr std::int32_t a_side = static_cast<std::int32_t>(StepCounts::farthest) * StepCounts::bins_a_step;
    static constexpr std::int32_t not_counted = 2 * a_side + 1; ///< after the bin of the farthest value itself
};

} // namespace graticule
