#include "core/stats/step_histogram.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace graticule {

namespace {
double largest_magnitude(std::span<const float> values, double limit) {
    double largest = 0;
    for (const float value : values) {
        const double magnitude = std::abs(double(value));
        if (magnitude <= limit) largest = std::max(largest, magnitude); // false for NaN
    }
    return largest;
}

void count(std::span<const float> values, StepHistogram& histogram) {
    histogram.counts.assign(static_cast<std::size_t>(2 * histogram.reach), 0);
    const double last = double(2 * histogram.reach - 1);
    for (const float value : values) {
        if (!(std::abs(double(value)) <= histogram.largest)) continue;
        const double at = std::floor(double(value) / histogram.width) + double(histogram.reach);
        ++histogram.counts[static_cast<std::size_t>(std::clamp(at, 0.0, last))];
    }
}
} // namespace

StepHistogram empty_histogram(double largest) {
    StepHistogram histogram;
    histogram.width = 1.0 / steps_bins_a_unit;
    histogram.largest = largest;
    histogram.reach = std::max<std::int64_t>(1, std::int64_t(std::floor(largest * steps_bins_a_unit)) + 1);
    return histogram;
}

StepHistogram count_in_steps(std::span<const float> values) {
    StepHistogram histogram = empty_histogram(largest_magnitude(values, farthest_step));
    count(values, histogram);
    return histogram;
}

StepHistogram count_to_largest(std::span<const float> values, std::int64_t bins_a_side) {
    StepHistogram histogram;
    histogram.largest = largest_magnitude(values, std::numeric_limits<float>::max());
    histogram.reach = bins_a_side;
    histogram.width = std::max(histogram.largest, 1e-12) / double(bins_a_side);
    count(values, histogram);
    return histogram;
}

} // namespace graticule
