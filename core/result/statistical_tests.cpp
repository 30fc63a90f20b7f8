#include "core/result/statistical_tests.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>
#include <vector>

namespace graticule {

namespace {
constexpr double normal_quantile = 1.959963985; // 97.5 %
} // namespace

double student_quantile(std::size_t degrees) {
    static constexpr double small[] = {0, 12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912};
    if (degrees < std::size(small)) return small[degrees];
    // Cornish-Fisher expansion around the normal quantile.
    const double z = normal_quantile;
    const auto n = static_cast<double>(degrees);
    const double z3 = z * z * z;
    const double z5 = z3 * z * z;
    const double z7 = z5 * z * z;
    return z + (z3 + z) / (4 * n) + (5 * z5 + 16 * z3 + 3 * z) / (96 * n * n) +
           (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * n * n * n);
}

MeanEstimate estimate_mean(std::span<const double> values) {
    MeanEstimate estimate;
    if (values.empty()) return estimate;
    const auto n = static_cast<double>(values.size());
    for (const double value : values) estimate.mean += value / n;
    if (values.size() == 1) {
        estimate.standard_error = HUGE_VAL;
        estimate.interval = {-HUGE_VAL, HUGE_VAL};
        return estimate;
    }
    double squares = 0;
    for (const double value : values) squares += (value - estimate.mean) * (value - estimate.mean);
    estimate.standard_error = std::sqrt(squares / (n - 1) / n);
    const double reach = student_quantile(values.size() - 1) * estimate.standard_error;
    estimate.interval = {estimate.mean - reach, estimate.mean + reach};
    return estimate;
}

namespace {

/// The regularized incomplete beta function I_x(a, b) by its continued fraction (DLMF 8.17.22), for x where it
/// converges fast: below (a + 1) / (a + b + 2).
double beta_fraction(double x, double a, double b) {
    constexpr double tiny = 1e-300;
    const auto nonzero = [](double value) { return std::abs(value) < tiny ? tiny : value; };
    double upper = 1, lower = 1 / nonzero(1 - (a + b) * x / (a + 1)), fraction = lower;
    for (int m = 1; m <= 500; ++m) {
        const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        lower = 1 / nonzero(1 + even * lower);
        upper = nonzero(1 + even / upper);
        fraction *= upper * lower;
        const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        lower = 1 / nonzero(1 + odd * lower);
        upper = nonzero(1 + odd / upper);
        fraction *= upper * lower;
        if (std::abs(upper * lower - 1) < 1e-14) break;
    }
    return std::exp(a * std::log(x) + b * std::log1p(-x) + std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b)) *
           fraction / a;
}

double incomplete_beta(double x, double a, double b) {
    if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
    return x < (a + 1) / (a + b + 2) ? beta_fraction(x, a, b) : 1 - beta_fraction(1 - x, b, a);
}

} // namespace

double student_test(const MeanEstimate& estimate, std::size_t values) {
    if (values < 2 || estimate.mean == 0) return 1;
    const double t = estimate.mean / estimate.standard_error, degrees = static_cast<double>(values - 1);
    return std::isfinite(t) ? incomplete_beta(degrees / (degrees + t * t), degrees / 2, 0.5) : 0;
}

std::vector<double> holm(std::span<const double> p_values) {
    std::vector<std::size_t> order(p_values.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, {}, [&](std::size_t i) { return p_values[i]; });
    std::vector<double> adjusted(p_values.size());
    double least = 0;
    for (std::size_t step = 0; step < order.size(); ++step) {
        least = std::max(least, std::min(1.0, static_cast<double>(order.size() - step) * p_values[order[step]]));
        adjusted[order[step]] = least;
    }
    return adjusted;
}

Interval binomial_interval(std::int64_t successes, std::int64_t trials) {
    if (trials == 0) return {0, 1};
    const auto n = static_cast<double>(trials);
    const double share = static_cast<double>(successes) / n, z2 = normal_quantile * normal_quantile;
    const double middle = (share + z2 / (2 * n)) / (1 + z2 / n);
    const double reach = normal_quantile / (1 + z2 / n) * std::sqrt(share * (1 - share) / n + z2 / (4 * n * n));
    return {std::max(0.0, middle - reach), std::min(1.0, middle + reach)};
}

double mcnemar(std::int64_t better, std::int64_t worse) {
    const std::int64_t changed = better + worse;
    const auto n = static_cast<double>(changed);
    double tail = 0; // at most so many of the rarer kind, when each change falls either way with probability 1/2
    for (std::int64_t k = 0; k <= std::min(better, worse); ++k) {
        const auto of = static_cast<double>(k);
        tail += std::exp(std::lgamma(n + 1) - std::lgamma(of + 1) - std::lgamma(n - of + 1) - n * std::log(2.0));
    }
    return std::min(1.0, 2 * tail);
}

namespace {

/// From 1; equal values have the mean of their ranks.
std::vector<double> ranks_of(std::span<const double> values) {
    std::vector<std::size_t> order(values.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::sort(order, {}, [&](std::size_t i) { return values[i]; });
    std::vector<double> ranks(values.size());
    for (std::size_t first = 0; first < order.size();) {
        std::size_t last = first;
        while (last + 1 < order.size() && values[order[last + 1]] == values[order[first]]) ++last;
        for (std::size_t i = first; i <= last; ++i) ranks[order[i]] = 1 + static_cast<double>(first + last) / 2;
        first = last + 1;
    }
    return ranks;
}

} // namespace

std::optional<double> rank_correlation(std::span<const double> a, std::span<const double> b) {
    if (a.size() != b.size() || a.size() < 3) return std::nullopt;
    const std::vector<double> x = ranks_of(a), y = ranks_of(b);
    const double middle = (static_cast<double>(a.size()) + 1) / 2;
    double xx = 0, yy = 0, xy = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        xx += (x[i] - middle) * (x[i] - middle);
        yy += (y[i] - middle) * (y[i] - middle);
        xy += (x[i] - middle) * (y[i] - middle);
    }
    if (xx == 0 || yy == 0) return std::nullopt;
    return xy / std::sqrt(xx * yy);
}

} // namespace graticule
