// The few tests and intervals that results are judged with. All are two-sided, at 95 %.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace graticule {

struct Interval {
    double low = 0, high = 0;
    [[nodiscard]] bool contains(double value) const { return low <= value && value <= high; }
    bool operator==(const Interval&) const = default;
};

/// 97.5 % quantile of Student's t; within 0.1 % from 4 degrees on, exact below; `degrees` at least 1.
[[nodiscard]] double student_quantile(std::size_t degrees);

struct MeanEstimate {
    double mean = 0;
    double standard_error = 0; ///< infinite of one value, and the interval with it
    Interval interval;         ///< of the mean, by Student's t
};
[[nodiscard]] MeanEstimate estimate_mean(std::span<const double> values); ///< zeros of none

/// Wilson's interval for a share of which `successes` of `trials` were seen; 0 .. 1 without trials.
[[nodiscard]] Interval binomial_interval(std::int64_t successes, std::int64_t trials);

/// McNemar's exact test of pairs that changed: how likely a split at least as uneven is when better and worse are
/// alike.
[[nodiscard]] double mcnemar(std::int64_t better, std::int64_t worse);

/// Spearman's: how alike two orders of the same things are, -1 .. 1; ties share their ranks. Absent: fewer than three,
/// or all of one side alike.
[[nodiscard]] std::optional<double> rank_correlation(std::span<const double> a, std::span<const double> b);

} // namespace graticule
