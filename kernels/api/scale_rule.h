// Scale and zero point of one block from its smallest and largest finite value: the one place where the rules of
// ScaleRule are arithmetic. Shared by all back ends; see grid_points.h for what that asks of the compiler.
//
// Order: the range is made to include 0, shrunk by clip_ratio, widened to epsilon, and where it is still empty (an
// all-zero block) replaced by [-1, 1] as GPTQ does. A scale is at least the smallest normal float, so that division
// never meets 0 or a denormal.
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

/// `low` <= 0 <= `high`: extremes of the block's finite values and 0.
constexpr ScaleAndZero scale_of_range(float low, float high, const GridPoints& points, const ScaleOptions& options) {
    low *= options.clip_ratio;
    high *= options.clip_ratio;
    if (options.rule == ScaleRule::asymmetric_through_zero && points.kind != GridKind::table) {
        if (low == 0.0F && high == 0.0F && options.epsilon == 0.0F) {
            low = -1.0F;
            high = 1.0F;
        }
        float scale = spread_over(high, low, points.top);
        const float least = options.epsilon / points.top;
        scale = at_least_normal(scale < least ? least : scale);
        return {scale, clamp_to(round_half_even(clamp_to(-low / scale, 0.0F, points.top)), 0.0F, points.top)};
    }
    // A table has no zero point, so every rule means absmax there.
    float absmax = -low > high ? -low : high;
    absmax = absmax < options.epsilon ? options.epsilon : absmax;
    absmax = absmax == 0.0F ? 1.0F : absmax;
    if (points.kind == GridKind::table) return {at_least_normal(absmax / points.largest_magnitude), 0.0F};
    const auto zero = static_cast<float>(points.levels / 2);
    if (options.rule == ScaleRule::symmetric_full_range)
        return {at_least_normal(spread_over(absmax, -absmax, points.top)), zero};
    // dINT4 has 14 levels: zero 7, scale absmax / 6, points -7..6 and +-1/2. Two levels: zero 1, scale absmax, points
    // -1 and 0.
    return {at_least_normal(absmax / (points.levels < 4 ? 1.0F : zero - 1.0F)), zero};
}

} // namespace graticule
