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

/// `bins_a_side` bins from zero to the largest magnitude on either side; the outermost hold their outer edge.
[[nodiscard]] StepHistogram count_to_largest(std::span<const float> values, std::int64_t bins_a_side);

} // namespace graticule
