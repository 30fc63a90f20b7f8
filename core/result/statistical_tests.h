// The few tests and intervals that results are judged with. All are two-sided, at 95 %.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace graticule {

struct Interval {
    double low = 0, high = 0;
    [[nodiscard]] bool contains(double value) const { return low <= value && value <= high; }
    bool operator==(const Interval&) const = default;
};

/// 97.5 % quantile of Student's t; within 0.1 % from 7 degrees on, exact below; `degrees` at least 1.
[[nodiscard]] double student_quantile(std::size_t degrees);

struct MeanEstimate {
    double mean = 0;
    double standard_error = 0; ///< infinite of one value, and the interval with it
    Interval interval;         ///< of the mean, by Student's t
};
[[nodiscard]] MeanEstimate estimate_mean(std::span<const double> values); ///< zeros of none

/// Student's test of whether that mean differs from 0, over `values` values: how likely one at least so far away is.
/// 1 where there is no spread to judge by (fewer than two values, or all of them 0).
[[nodiscard]] double student_test(const MeanEstimate& estimate, std::size_t values);

/// Several tests of one question: p-values such that rejecting those below 5 % is wrong in at most 5 % of all cases
/// where all hypotheses hold, by Holm's step-down rule (Holm 1979). In the order given.
[[nodiscard]] std::vector<double> holm(std::span<const double> p_values);

/// Wilson's interval for a share of which `successes` of `trials` were seen; 0 .. 1 without trials.
[[nodiscard]] Interval binomial_interval(std::int64_t successes, std::int64_t trials);

/// McNemar's exact test of pairs that changed: how likely a split at least as uneven is when better and worse are
/// alike.
[[nodiscard]] double mcnemar(std::int64_t better, std::int64_t worse);

/// Spearman's: how alike two orders of the same things are, -1 .. 1; ties share their ranks. Absent: fewer than three,
/// or all of one side alike.
[[nodiscard]] std::optional<double> rank_correlation(std::span<const double> a, std::span<const double> b);

} // namespace graticule
