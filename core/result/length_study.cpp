#include "core/result/length_study.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/base/error.h"

namespace graticule {

namespace {

/// Nearest on the scale of ratios; of two equally near the shorter.
std::size_t nearest(const std::vector<std::int64_t>& lengths, std::int64_t target) {
    std::size_t best = 0;
    const auto distance = [&](std::size_t i) { return std::fabs(std::log(double(lengths[i]) / double(target))); };
    for (std::size_t i = 1; i < lengths.size(); ++i)
        if (distance(i) < distance(best)) best = i;
    return best;
}

double median(std::vector<double> values) {
    if (values.empty()) return 0;
    std::sort(values.begin(), values.end());
    const std::size_t middle = values.size() / 2;
    return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

std::optional<double> change(std::optional<double> at, std::optional<double> longest) {
    if (!at || !longest || *longest <= 0 || std::isinf(*longest)) return std::nullopt;
    return std::fabs(*at / *longest - 1);
}

std::string number(const char* format, double value) {
    char text[48];
    std::snprintf(text, sizeof text, format, value);
    return text;
}

std::string changes_text(const LengthAdvice& advice, std::int64_t longest) {
    return "between " + std::to_string(advice.own) + " and " + std::to_string(longest) +
           " tokens the median input's update ratio changes by " + number("%.1f %%", 100 * advice.ratio_change) +
           " (most at " + advice.most_changed + ", by " + number("%.0f %%", 100 * advice.most_change) + ")" +
           " and its largest value by " + number("%.1f %%", 100 * advice.range_change);
}

/// The calibration length that is significantly better than `own` at this evaluation length, the best of them.
std::optional<std::size_t> better_than(const LengthStudy& study, std::size_t own, std::size_t column) {
    std::optional<std::size_t> best;
    for (std::size_t i = 0; i < study.lengths.size(); ++i) {
        const auto& run = study.perplexity.at(i).at(column);
        const auto difference = compare(*study.perplexity.at(own).at(column), *run).difference;
        if (!difference || !difference->significant || difference->perplexity_difference >= 0) continue;
        if (!best || run->perplexity < study.perplexity[*best][column]->perplexity) best = i;
    }
    return best;
}

std::string measured_text(const LengthAdvice& advice) {
    const PairedDifference& found = *advice.measured;
    return "evaluated at " + std::to_string(*advice.evaluated_at) + " tokens, calibrating at " +
           std::to_string(advice.length) + " gives a perplexity " + number("%.2f", -found.perplexity_difference) +
           " lower than at " + std::to_string(advice.own) + " (95 %: " + number("%.2f", -found.interval_high) + " to " +
           number("%.2f", -found.interval_low) + "): measured, against the paper's rule";
}

} // namespace

std::string_view to_text(LengthAdvice::Basis basis) {
    switch (basis) {
    case LengthAdvice::Basis::measured:
        return "measured";
    case LengthAdvice::Basis::insensitive:
        return "insensitive";
    case LengthAdvice::Basis::paper:
        break;
    }
    return "paper";
}

LengthAdvice advise_length(const LengthStudy& study, std::int64_t target) {
    GRATICULE_ASSERT(!study.lengths.empty(), "a study has tried lengths");
    if (target < 2)
        throw Error(ErrorKind::usage,
                    "a target length of " + std::to_string(target) + " predicts nothing; give 2 or more");
    const std::size_t own = nearest(study.lengths, target), last = study.lengths.size() - 1;
    LengthAdvice advice;
    advice.target = target;
    advice.length = advice.own = study.lengths[own];
    std::vector<double> ratios, ranges;
    for (const SiteLengths& site : study.sites) {
        if (const auto moved = change(site.at.at(own).update_ratio, site.at.at(last).update_ratio)) {
            ratios.push_back(*moved);
            if (advice.most_changed.empty() || *moved > advice.most_change) {
                advice.most_changed = site.name;
                advice.most_change = *moved;
            }
        }
        if (const auto moved = change(site.at.at(own).absmax, site.at.at(last).absmax)) ranges.push_back(*moved);
    }
    advice.ratio_change = median(std::move(ratios));
    advice.range_change = median(std::move(ranges));

    const std::string paper = "the paper's rule: calibrate at the length of use";
    if (!study.evaluated.empty()) {
        const std::size_t column = nearest(study.evaluated, target);
        advice.evaluated_at = study.evaluated[column];
        if (const auto better = better_than(study, own, column)) {
            advice.length = study.lengths[*better];
            advice.basis = LengthAdvice::Basis::measured;
            advice.measured = compare(*study.perplexity[own][column], *study.perplexity[*better][column]).difference;
            advice.reason = measured_text(advice);
            return advice;
        }
        advice.reason = paper + "; no other length tried is significantly better, evaluated at " +
                        std::to_string(*advice.evaluated_at) + " tokens";
        return advice;
    }
    const std::string changes = changes_text(advice, study.lengths[last]);
    if (own == last) {
        advice.reason = paper + ", here the longest that was tried";
    } else if (advice.ratio_change < length_insensitive && advice.range_change < length_insensitive) {
        advice.length = study.lengths[last];
        advice.basis = LengthAdvice::Basis::insensitive;
        advice.reason = changes + ": the inputs hardly depend on the length, so the longest serves every target";
    } else {
        advice.reason = paper + "; " + changes;
    }
    advice.reason += ". No perplexity was measured: a recipe decides it";
    return advice;
}

} // namespace graticule
