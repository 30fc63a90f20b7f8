#include "core/stats/step_histogram.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace graticule {

namespace {
double largest_magnitude(std::span<const float> values) {
    double largest = 0;
    for (const float value : values) {
        const double magnitude = std::abs(double(value));
        if (magnitude <= std::numeric_limits<float>::max()) largest = std::max(largest, magnitude); // false for NaN
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

StepHistogram count_to_largest(std::span<const float> values, std::int64_t bins_a_side) {
    StepHistogram histogram;
    histogram.largest = largest_magnitude(values);
    histogram.reach = bins_a_side;
    histogram.width = std::max(histogram.largest, 1e-12) / double(bins_a_side);
    count(values, histogram);
    return histogram;
}

} // namespace graticule
