// Which scheme each group of linears gets, so that the sum of their costs is least under a budget of size and, where
// there is one, of time: a multiple-choice knapsack, solved as an integer program by HiGHS.
//
//     const std::vector<std::size_t> choice = allocate_schemes({{{0.3, 400}, {0.1, 800}}, ...}, {1200});
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

namespace graticule {

struct SchemeOption {
    double cost = 0; ///< what is to be small: expected damage, at least 0
    double size = 0; ///< what is limited: bits or bytes, at least 0
    double time = 0; ///< what may be limited too: seconds, at least 0
};
using SchemeOptions = std::vector<SchemeOption>; ///< of one group; at least one

struct AllocationLimits {
    double size = 0;
    std::optional<double> time{}; ///< absent: no limit
};

/// The index of each group's option. Sizes and times add up to no more than their limits, exactly; the cost is the
/// least there is, to a part in a million, or the least that two minutes found. Of a group's equals the first is taken.
/// Throws Error{bad_input} where even the smallest options do not fit, naming their size, and where the fastest choice
/// of that size does not, naming its time.
[[nodiscard]] std::vector<std::size_t> allocate_schemes(const std::vector<SchemeOptions>& groups,
                                                        const AllocationLimits& limits);

/// The choice that takes the least time among those of no more than `size`, to a part in a million. Throws as above.
[[nodiscard]] std::vector<std::size_t> fastest_choice(std::vector<SchemeOptions> groups, double size);

/// Of chosen options.
[[nodiscard]] SchemeOption sum_of(const std::vector<SchemeOptions>& groups, const std::vector<std::size_t>& choice);

} // namespace graticule
