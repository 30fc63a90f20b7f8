#include <algorithm>
#include <cmath>

#include "core/result/metric.h"
#include "core/result/statistical_tests.h"

namespace graticule {

namespace {

/// exp of the mean over windows of each window's mean cross entropy.
double perplexity(std::span<const double> losses) {
    if (losses.empty()) return 0;
    double sum = 0;
    for (const double loss : losses) sum += loss;
    return std::exp(sum / static_cast<double>(losses.size()));
}

/// By the delta method from the spread over windows.
std::optional<double> perplexity_error(std::span<const double> losses) {
    if (losses.size() < 2) return std::nullopt;
    const auto n = static_cast<double>(losses.size());
    const double figure = perplexity(losses), mean = std::log(figure);
    double squares = 0;
    for (const double loss : losses) squares += (loss - mean) * (loss - mean);
    return figure * std::sqrt(squares / (n - 1) / n);
}

std::vector<PairedDifference> perplexity_difference(std::span<const double> baseline_losses,
                                                    std::span<const double> other_losses) {
    std::vector<PairedDifference> differences;
    double mean = 0, squares = 0; // of the differences, by Welford's updates
    double baseline_sum = 0;
    for (std::size_t i = 0; i < std::min(baseline_losses.size(), other_losses.size()); ++i) {
        const auto n = static_cast<double>(i + 1);
        const double value = other_losses[i] - baseline_losses[i];
        const double before = value - mean;
        mean += before / n;
        squares += before * (value - mean);
        baseline_sum += baseline_losses[i];
        const double perplexity = std::exp(baseline_sum / n);
        PairedDifference difference;
        difference.log_ratio = mean;
        difference.perplexity_difference = perplexity * std::expm1(mean);
        difference.percent = 100 * std::expm1(mean);
        if (i == 0) { // one window says nothing about the spread: no interval to speak of, and nothing is significant
            difference.log_ratio_error = difference.interval_high = HUGE_VAL;
            difference.interval_low = -HUGE_VAL;
        } else {
            difference.log_ratio_error = std::sqrt(squares / (n - 1) / n);
            const double reach = student_quantile(i) * difference.log_ratio_error;
            difference.interval_low = perplexity * std::expm1(mean - reach);
            difference.interval_high = perplexity * std::expm1(mean + reach);
        }
        difference.significant = difference.interval_low > 0 || difference.interval_high < 0;
        differences.push_back(difference);
    }
    return differences;
}

double mean(std::span<const double> items) { return estimate_mean(items).mean; }

std::optional<double> error_of_mean(std::span<const double> items) {
    if (items.size() < 2) return std::nullopt;
    return estimate_mean(items).standard_error;
}

constexpr Metric metrics[] = {
    {"perplexity", "perplexity", "mean cross entropy of a window's tokens, nats", true, perplexity, perplexity_error,
     perplexity_difference},
    {"divergence", "divergence from the baseline", "mean KL(baseline || recipe) over a window's tokens, nats", true,
     mean, error_of_mean},
    {"accuracy", "accuracy", "1 for a right answer, 0 for a wrong one", false, mean, error_of_mean},
};

} // namespace

std::span<const Metric> all_metrics() { return metrics; }

const Metric* find_metric(std::string_view name) {
    const auto found = std::ranges::find(metrics, name, &Metric::name);
    return found == std::end(metrics) ? nullptr : &*found;
}

} // namespace graticule
