// What can be measured of a model, as rows: how scores of items become a figure, which way is better, and how two runs
// over the same items compare.
//
//     const Metric& metric = *find_metric("perplexity");
//     std::cout << metric.label << ": " << metric.figure(window_losses);
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace graticule {

/// Paired over items: d_i = b[i] - a[i]. For perplexity items are the losses of windows.
struct PairedDifference {
    double log_ratio = 0;                       ///< mean d
    double log_ratio_error = 0;                 ///< its standard error; infinite after one window, as the interval
    double perplexity_difference = 0;           ///< ppl_b - ppl_a
    double interval_low = 0, interval_high = 0; ///< 95 % for the difference, by the delta method on ppl_a (exp(d) - 1)
    double percent = 0;
    bool significant = false; ///< the interval does not contain 0
};

struct Metric {
    std::string_view name;  ///< in files and on the command line
    std::string_view label; ///< for people
    std::string_view item;  ///< what the score of one item is, and its unit
    bool lower_is_better = true;
    double (*figure)(std::span<const double> items) = nullptr;                        ///< 0 without items
    std::optional<double> (*standard_error)(std::span<const double> items) = nullptr; ///< absent: too few items
    /// Over the first item, the first two, ... as far as both have scores; null: nothing that is shown live.
    std::vector<PairedDifference> (*running_difference)(std::span<const double> baseline,
                                                        std::span<const double> other) = nullptr;
};

[[nodiscard]] std::span<const Metric> all_metrics();
[[nodiscard]] const Metric* find_metric(std::string_view name); ///< null: there is none of that name

} // namespace graticule
