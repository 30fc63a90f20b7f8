// Which scheme each group of linears gets, so that the sum of their costs is least under a budget of size: a
// multiple-choice knapsack, solved as an integer program by HiGHS.
//
//     const std::vector<std::size_t> choice = allocate_schemes({{{0.3, 400}, {0.1, 800}}, ...}, 1200);
#pragma once

#include <cstddef>
#include <vector>

namespace graticule {

struct SchemeOption {
    double cost = 0; ///< what is to be small: expected damage, at least 0
    double size = 0; ///< what is limited: bits or bytes, at least 0
};
using SchemeOptions = std::vector<SchemeOption>; ///< of one group; at least one

/// The index of each group's option. Sizes add up to no more than `budget`, exactly; the cost is the least there is, to
/// a part in a million, or the least that two minutes found. Of a group's equals the first is taken. Throws
/// Error{bad_input} where even the smallest options do not fit, naming their size.
[[nodiscard]] std::vector<std::size_t> allocate_schemes(const std::vector<SchemeOptions>& groups, double budget);

/// Of chosen options.
[[nodiscard]] SchemeOption sum_of(const std::vector<SchemeOptions>& groups, const std::vector<std::size_t>& choice);

} // namespace graticule
