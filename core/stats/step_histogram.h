// How values lie about zero, counted once where they are at hand, so that no plot needs the values themselves.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace graticule {

/// Bin i holds the values of [i - reach, i + 1 - reach) * width; zero is an edge, and both sides have `reach` bins.
struct StepHistogram {
    double width = 0; ///< of a bin
    std::int64_t reach = 0;
    double largest = 0; ///< magnitude
    std::vector<double> counts;

    [[nodiscard]] bool empty() const { return counts.empty(); }
};

inline constexpr float farthest_step = 2048;
inline constexpr int steps_bins_a_unit = 64;
/// Bins of count_in_steps for values up to `largest`, none counted.
[[nodiscard]] StepHistogram empty_histogram(double largest);

/// Sixty-four bins a unit, for a reader who comes near: halves and quarters of a step, where zero bins end, stay edges
/// of bins when up to sixteen are merged.
/// What is not finite or beyond farthest_step is not counted.
[[nodiscard]] StepHistogram count_in_steps(std::span<const float> values);

/// `bins_a_side` bins from zero to the largest magnitude on either side; the outermost hold their outer edge.
[[nodiscard]] StepHistogram count_to_largest(std::span<const float> values, std::int64_t bins_a_side);

} // namespace graticule
