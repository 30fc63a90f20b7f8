// Scale and zero point of one block from its smallest and largest finite value: the one place where the rules of
// ScaleRule are arithmetic. Shared by all back ends; see grid_points.h for what that asks of the compiler.
//
// Order: the range is made to include 0, shrunk by clip_ratio, widened to epsilon, and where it is still empty (an
// all-zero block) replaced by [-1, 1] as GPTQ does. Then the scale is rounded to its coding, and the zero point follows
// from what it became. A scale is at least the smallest normal float, so that division never meets 0 or a denormal.
#pragma once

#include "kernels/api/backend.h"
#include "kernels/api/grid_points.h"

namespace graticule {

struct ScaleAndZero {
    float scale;
    float zero;
};

/// (high - low) / steps, through float64 where the float32 difference would overflow.
constexpr float spread_over(float high, float low, float steps) {
    const float range = high - low;
    if (is_finite(range)) return range / steps;
    const double scale = (static_cast<double>(high) - static_cast<double>(low)) / static_cast<double>(steps);
    return scale < 3.402823466e+38 ? static_cast<float>(scale) : 3.402823466e+38F;
}

constexpr float at_least_normal(float scale) { return scale < 1.17549435e-38F ? 1.17549435e-38F : scale; }

/// What is kept of a scale: `ideal` over the coarse one in the coding of the options, times the coarse one. `range`
/// over `points` is the same as `ideal`; a shared exponent is found from the two.
constexpr float coded_scale(float ideal, float range, float points, const ScaleOptions& options, float coarse) {
    if (options.coding.shared_exponent) {
        const float above = at_least_normal(range / coarse);
        const std::int32_t exponent = exponent_of(above) - exponent_of(points);
        return at_least_normal(power_of_two(exponent < -126 ? -126 : exponent) * coarse);
    }
    return at_least_normal(round_to_coding(at_least_normal(ideal / coarse), options.coding) * coarse);
}

/// `low` <= 0 <= `high`: extremes of the block's finite values and 0. `coarse`: the scale of the level above, or 1.
constexpr ScaleAndZero scale_of_range(float low, float high, const GridPoints& points, const ScaleOptions& options,
                                      float coarse) {
    low *= options.clip_ratio;
    high *= options.clip_ratio;
    if (options.rule == ScaleRule::asymmetric_through_zero && points.kind != GridKind::table) {
        if (low == 0.0F && high == 0.0F && options.epsilon == 0.0F) {
            low = -1.0F;
            high = 1.0F;
        }
        const float steps = points.top * options.finer_largest;
        float scale = spread_over(high, low, steps);
        const float least = options.epsilon / steps;
        scale = coded_scale(scale < least ? least : scale, high - low, steps, options, coarse);
        return {scale, clamp_to(round_half_even(clamp_to(-low / scale, 0.0F, points.top)), 0.0F, points.top)};
    }
    // A table has no zero point, so every rule means absmax there.
    float absmax = -low > high ? -low : high;
    absmax = absmax < options.epsilon ? options.epsilon : absmax;
    absmax = absmax == 0.0F ? 1.0F : absmax;
    if (points.kind == GridKind::table) {
        const float largest = points.largest_magnitude * options.finer_largest;
        return {coded_scale(absmax / largest, absmax, largest, options, coarse), 0.0F};
    }
    const auto zero = static_cast<float>(points.levels / 2);
    if (options.rule == ScaleRule::symmetric_full_range) {
        const float steps = points.top * options.finer_largest;
        return {coded_scale(spread_over(absmax, -absmax, steps), absmax, steps / 2, options, coarse), zero};
    }
    // dINT4 has 14 levels: zero 7, scale absmax / 6, points -7..6 and +-1/2. Two levels: zero 1, scale absmax, points
    // -1 and 0.
    const float largest = (points.levels < 4 ? 1.0F : zero - 1.0F) * options.finer_largest;
    return {coded_scale(absmax / largest, absmax, largest, options, coarse), zero};
}

/// Sum of (x^ - x)^2 over the finite values of a run in a table's steps of this scale, one after the other in float64:
/// a number that does not depend on the back end.
constexpr double squared_error_of_run(const float* x, std::int64_t length, const GridPoints& points, float scale) {
    double sum = 0;
    for (std::int64_t i = 0; i < length; ++i) {
        if (!is_finite(x[i])) continue;
        const double error =
            static_cast<double>(points.table[table_code(points.threshold, in_steps(x[i], scale))] * scale) -
            static_cast<double>(x[i]);
        sum += error * error;
    }
    return sum;
}

/// The scale of a block of a table that is one run: the one found with the grid's largest point, or with the options'
/// second largest where that has the smaller squared error.
constexpr float better_scale_of_run(float found, float low, float high, const float* x, std::int64_t length,
                                    const GridPoints& points, const ScaleOptions& options, float coarse) {
    float absmax = (-low > high ? -low : high) * options.clip_ratio;
    absmax = absmax < options.epsilon ? options.epsilon : absmax;
    if (absmax == 0.0F) return found;
    const float second = coded_scale(absmax / options.second_largest, absmax, options.second_largest, options, coarse);
    return squared_error_of_run(x, length, points, second) < squared_error_of_run(x, length, points, found) ? second
                                                                                                            : found;
}

} // namespace graticule
