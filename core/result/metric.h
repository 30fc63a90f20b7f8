// What can be measured of a model, as rows: how scores of items become a figure, which way is better, and how two runs
// over the same items compare.
//
//     const Metric& metric = *find_metric("perplexity");
//     std::cout << metric.label << ": " << metric.figure(window_losses);
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "core/result/statistical_tests.h"

namespace graticule {

struct Metric {
    std::string_view name;  ///< in files and on the command line
    std::string_view label; ///< for people
    std::string_view item;  ///< what the score of one item is, and its unit
    bool lower_is_better = true;
    double (*figure)(std::span<const double> items) = nullptr;                        ///< 0 without items
    std::optional<double> (*standard_error)(std::span<const double> items) = nullptr; ///< absent: too few items
    Interval (*interval)(std::span<const double> items) = nullptr;                    ///< of the figure, 95 %
    /// How likely differences of items at least so far from none are, of two runs over the same items that are alike;
    /// null: the scores are of two runs already.
    double (*paired_test)(std::span<const double> differences) = nullptr;
};

[[nodiscard]] std::span<const Metric> all_metrics();
[[nodiscard]] const Metric* find_metric(std::string_view name); ///< null: there is none of that name

} // namespace graticule
