#include "core/result/divergence.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/base/error.h"

namespace graticule {

namespace {

/// Of ascending values, between neighbours by straight lines.
double quantile(const std::vector<double>& ascending, double share) {
    const double place = share * static_cast<double>(ascending.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, ascending.size() - 1);
    return ascending[below] + (place - std::floor(place)) * (ascending[above] - ascending[below]);
}

double mean(const std::vector<double>& values) {
    double sum = 0;
    for (const double value : values) sum += value;
    return sum / static_cast<double>(values.size());
}

Verdict verdict_of(const Divergence& divergence) {
    const std::vector<double> p = holm(std::array{divergence.nll_p, divergence.first_choice_p});
    const bool losses_tell = p[0] < 0.05, choices_tell = p[1] < 0.05;
    if (!losses_tell && !choices_tell) return Verdict::indistinguishable;
    // Losses know more of a distribution than its first choice does: they decide where both speak.
    const bool worse =
        losses_tell ? divergence.nll_difference.mean > 0 : divergence.became_wrong > divergence.became_right;
    return worse ? Verdict::worse : Verdict::better;
}

} // namespace

std::string_view to_text(Verdict verdict) {
    static constexpr std::string_view names[] = {"indistinguishable", "better", "worse"};
    return names[static_cast<std::size_t>(verdict)];
}

std::optional<Divergence> divergence_between(const Evaluation& baseline, const Evaluation& other) {
    const TokenPredictions &before = baseline.predictions, &after = other.predictions;
    if (before.empty() || after.empty()) return std::nullopt;
    GRATICULE_ASSERT(before.size() == after.size(), "two sides of one pass");
    Divergence result;
    result.baseline_name = baseline.run_name;
    result.state_errors = other.state_errors;
    result.tokens = static_cast<std::int64_t>(after.size());
    const auto window = static_cast<std::size_t>(other.protocol.scored());
    std::vector<double> all, differences;
    std::int64_t same = 0;
    for (std::size_t first = 0; first < after.size(); first += window) {
        double divergence = 0, difference = 0;
        for (std::size_t i = first; i < first + window; ++i) {
            const TokenPrediction &was = before[i], &is = after[i];
            all.push_back(is.divergence);
            divergence += is.divergence;
            difference += double(is.loss) - double(was.loss);
            same += is.choice == was.choice;
            result.became_right += was.choice != was.token && is.choice == is.token;
            result.became_wrong += was.choice == was.token && is.choice != is.token;
        }
        result.window_means.push_back(divergence / static_cast<double>(window));
        differences.push_back(difference / static_cast<double>(window));
    }
    result.mean = mean(all);
    const std::size_t parts = std::min<std::size_t>(32, window);
    result.position_means.resize(parts);
    std::vector<double> counts(parts);
    for (std::size_t i = 0; i < all.size(); ++i) {
        const std::size_t part = (i % window) * parts / window;
        result.position_means[part] += all[i];
        ++counts[part];
    }
    for (std::size_t part = 0; part < parts; ++part) result.position_means[part] /= counts[part];
    std::ranges::sort(all);
    result.median = quantile(all, 0.5);
    result.p90 = quantile(all, 0.9);
    result.p99 = quantile(all, 0.99);
    result.maximum = all.back();
    const Metric& metric = *find_metric("divergence");
    result.over_windows = {metric.figure(result.window_means),
                           metric.standard_error(result.window_means).value_or(HUGE_VAL),
                           metric.interval(result.window_means)};
    result.same_first_choice = static_cast<double>(same) / static_cast<double>(result.tokens);
    result.first_choice_p = mcnemar(result.became_right, result.became_wrong);
    result.mean_nll_difference = mean(differences); // windows have the same number of tokens
    result.nll_difference = estimate_mean(differences);
    result.nll_p = find_metric("perplexity")->paired_test(differences);
    result.verdict = verdict_of(result);
    return result;
}

} // namespace graticule
