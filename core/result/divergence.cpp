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

MeanEstimate over_windows(std::span<const double> means) {
    const Metric& metric = *find_metric("divergence");
    return {metric.figure(means), metric.standard_error(means).value_or(HUGE_VAL), metric.interval(means)};
}

/// `all`: the divergences of every window's `window` targets, in order.
void add_positions(Divergence& result, const std::vector<double>& all, std::size_t window) {
    const std::size_t parts = std::min<std::size_t>(32, window), windows = all.size() / window;
    std::vector<std::vector<double>> means(parts, std::vector<double>(windows)); // by part and window
    for (std::size_t w = 0; w < windows; ++w) {
        std::vector<double> counts(parts);
        for (std::size_t i = 0; i < window; ++i) {
            const std::size_t part = i * parts / window;
            means[part][w] += all[w * window + i];
            ++counts[part];
        }
        for (std::size_t part = 0; part < parts; ++part) means[part][w] /= counts[part];
    }
    for (const std::vector<double>& of_part : means) {
        const MeanEstimate estimate = over_windows(of_part);
        result.position_means.push_back(estimate.mean);
        result.position_intervals.push_back(estimate.interval);
    }
}

Verdict verdict_of(const Divergence& divergence) {
    const auto by_choices = [&] {
        return divergence.became_wrong > divergence.became_right ? Verdict::worse : Verdict::better;
    };
    if (divergence.maximum == 0) return Verdict::indistinguishable; // the same distributions
    if (!divergence.nll_p) return divergence.first_choice_p < 0.05 ? by_choices() : Verdict::undecided;
    const std::vector<double> p = holm(std::array{*divergence.nll_p, divergence.first_choice_p});
    const bool losses_tell = p[0] < 0.05, choices_tell = p[1] < 0.05;
    if (!losses_tell && !choices_tell) return Verdict::indistinguishable;
    // Losses know more of a distribution than its first choice does: they decide where both speak.
    if (!losses_tell) return by_choices();
    return divergence.nll_difference.mean > 0 ? Verdict::worse : Verdict::better;
}

} // namespace

std::string_view to_text(Verdict verdict) {
    static constexpr std::string_view names[] = {"indistinguishable", "better", "worse", "undecided"};
    return names[static_cast<std::size_t>(verdict)];
}

std::optional<double> Divergence::first_parting() const {
    std::vector<double> ascending;
    for (const auto& parting : partings) ascending.push_back(parting ? static_cast<double>(*parting) : HUGE_VAL);
    if (ascending.empty()) return std::nullopt;
    std::ranges::sort(ascending);
    const double below = ascending[(ascending.size() - 1) / 2], above = ascending[ascending.size() / 2];
    return std::isfinite(above) ? std::optional((below + above) / 2) : std::nullopt;
}

double Divergence::parting_share() const {
    if (partings.empty()) return 0;
    const auto parted = std::ranges::count_if(partings, [](const auto& parting) { return parting.has_value(); });
    return static_cast<double>(parted) / static_cast<double>(partings.size());
}

std::vector<MeanEstimate> running_divergence(std::span<const double> window_means) {
    std::vector<MeanEstimate> running;
    double mean = 0, squares = 0; // of the distances from the mean so far (Welford 1962)
    for (std::size_t i = 0; i < window_means.size(); ++i) {
        const auto n = static_cast<double>(i + 1);
        const double distance = window_means[i] - mean;
        mean += distance / n;
        squares += distance * (window_means[i] - mean);
        const double error = i == 0 ? HUGE_VAL : std::sqrt(squares / (n - 1) / n);
        const double reach = i == 0 ? HUGE_VAL : student_quantile(i) * error;
        running.push_back({mean, error, {std::max(0.0, mean - reach), mean + reach}});
    }
    return running;
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
        std::optional<std::int64_t>& parting = result.partings.emplace_back();
        for (std::size_t i = first; i < first + window; ++i) {
            const TokenPrediction &was = before[i], &is = after[i];
            all.push_back(is.divergence);
            divergence += is.divergence;
            difference += double(is.loss) - double(was.loss);
            same += is.choice == was.choice;
            if (is.choice != was.choice && !parting)
                parting = other.protocol.first_scored() + static_cast<std::int64_t>(i - first);
            result.became_right += was.choice != was.token && is.choice == is.token;
            result.became_wrong += was.choice == was.token && is.choice != is.token;
        }
        result.window_means.push_back(divergence / static_cast<double>(window));
        differences.push_back(difference / static_cast<double>(window));
    }
    result.mean = mean(all);
    add_positions(result, all, window);
    std::ranges::sort(all);
    result.median = quantile(all, 0.5);
    result.p90 = quantile(all, 0.9);
    result.p99 = quantile(all, 0.99);
    result.maximum = all.back();
    result.over_windows = over_windows(result.window_means);
    result.same_first_choice = static_cast<double>(same) / static_cast<double>(result.tokens);
    result.same_interval = binomial_interval(same, result.tokens);
    result.first_choice_p = mcnemar(result.became_right, result.became_wrong);
    result.mean_nll_difference = mean(differences); // windows have the same number of tokens
    result.nll_difference = estimate_mean(differences);
    if (differences.size() > 1) result.nll_p = find_metric("perplexity")->paired_test(differences);
    result.verdict = verdict_of(result);
    return result;
}

} // namespace graticule
