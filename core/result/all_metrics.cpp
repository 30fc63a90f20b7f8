#include <algorithm>
#include <cmath>
#include <iterator>

#include "core/result/metric.h"

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

Interval perplexity_interval(std::span<const double> losses) {
    const Interval of_mean = estimate_mean(losses).interval;
    return {std::exp(of_mean.low), std::exp(of_mean.high)};
}

double student(std::span<const double> differences) {
    return student_test(estimate_mean(differences), differences.size());
}

double mean(std::span<const double> items) { return estimate_mean(items).mean; }

std::optional<double> error_of_mean(std::span<const double> items) {
    if (items.size() < 2) return std::nullopt;
    return estimate_mean(items).standard_error;
}

/// Of a divergence, which cannot be below 0: over few windows Student's interval reaches further.
Interval interval_from_zero(std::span<const double> items) {
    const Interval interval = estimate_mean(items).interval;
    return {std::max(0.0, interval.low), interval.high};
}

double share(std::span<const double> answers) {
    if (answers.empty()) return 0;
    return static_cast<double>(std::ranges::count(answers, 1.0)) / static_cast<double>(answers.size());
}

Interval share_interval(std::span<const double> answers) {
    return binomial_interval(std::ranges::count(answers, 1.0), std::ssize(answers));
}

double changed_answers(std::span<const double> differences) {
    return mcnemar(std::ranges::count(differences, 1.0), std::ranges::count(differences, -1.0));
}

constexpr Metric metrics[] = {
    {"perplexity", "perplexity", "mean cross entropy of a window's tokens, nats", true, perplexity, perplexity_error,
     perplexity_interval, student},
    {"divergence", "divergence from the baseline", "mean KL(baseline || recipe) over a window's tokens, nats", true,
     mean, error_of_mean, interval_from_zero, nullptr},
    {"accuracy", "accuracy", "1 for a right answer, 0 for a wrong one", false, share, error_of_mean, share_interval,
     changed_answers},
};

} // namespace

std::span<const Metric> all_metrics() { return metrics; }

const Metric* find_metric(std::string_view name) {
    const auto found = std::ranges::find(metrics, name, &Metric::name);
    return found == std::end(metrics) ? nullptr : &*found;
}

} // namespace graticule
