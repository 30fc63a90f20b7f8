#include "core/result/recipe_search.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>

namespace graticule {

namespace {

std::string number(const char* format, double value) {
    char text[64];
    std::snprintf(text, sizeof text, format, value);
    return text;
}

std::string bits(const SearchPoint& point) { return number("%.3f bits", point.size.bits_per_weight.actual); }

bool perplexity_is_worse(const PairedPoints& difference) {
    return difference.perplexity.significant && difference.perplexity.perplexity_difference > 0;
}

std::string compared(const SearchPoint& rival, const PairedPoints& difference) {
    const MeanEstimate& divergence = difference.divergence;
    const std::string interval =
        std::isfinite(divergence.interval.high)
            ? number("%+.5f", divergence.interval.low) + " to " + number("%+.5f", divergence.interval.high)
            : "n/a, one window";
    return rival.name + " (" + bits(rival) + ") by " + number("%+.5f", divergence.mean) +
           " nats a token (95 %: " + interval + ") and in perplexity by " +
           number("%+.2f %%", difference.perplexity.percent) +
           (perplexity_is_worse(difference) ? " (beyond chance)" : "");
}

PairedPoints paired(const SearchPoint& rival, const SearchPoint& other) {
    std::vector<double> differences;
    for (std::size_t i = 0; i < other.divergence.window_means.size(); ++i)
        differences.push_back(other.divergence.window_means[i] - rival.divergence.window_means[i]);
    return {estimate_mean(differences),
            running_difference(rival.evaluation->window_losses, other.evaluation->window_losses).back()};
}

/// The one with the least divergence that `counts`.
std::optional<std::size_t> best_of(const std::vector<SearchPoint>& points,
                                   const std::function<bool(const SearchPoint&)>& counts) {
    std::optional<std::size_t> best;
    for (std::size_t i = 0; i < points.size(); ++i)
        if (counts(points[i]) && (!best || points[i].divergence.mean < points[*best].divergence.mean)) best = i;
    return best;
}

constexpr double same_size = 1.02; ///< sizes that are within this of the next one up are one

} // namespace

bool SizeBudget::holds(const ModelSize& size) const {
    // A part in 10^9 for sums of fractions of bits; bytes are whole numbers.
    return (!this->bits || size.bits_per_weight.actual <= *this->bits * (1 + 1e-9)) && (!bytes || size.bytes <= *bytes);
}

std::string SizeBudget::text() const {
    if (this->bits) return number("%.6g bits a weight", *this->bits);
    return number("%.6g MB", static_cast<double>(bytes.value_or(0)) / 1e6);
}

bool RecipeSearch::holds_time(const SearchPoint& point) const {
    return !times || (point.seconds && times->budget.holds(*point.seconds));
}

std::string RecipeSearch::budget_text() const { return budget.text() + (times ? " and " + times->budget.text() : ""); }

void RecipeSearch::judge() {
    const double bits = searched.size.bits_per_weight.actual;
    best_in_budget =
        best_of(uniform, [&](const SearchPoint& point) { return budget.holds(point.size) && holds_time(point); });
    // The next size up, and what is as good as that size: one much larger is better by its size alone.
    double next = HUGE_VAL;
    const auto bits_of = [](const SearchPoint& point) { return point.size.bits_per_weight.actual; };
    for (const SearchPoint& point : uniform)
        if (bits_of(point) >= bits && holds_time(point)) next = std::min(next, bits_of(point));
    best_as_large = best_of(uniform, [&](const SearchPoint& point) {
        return bits_of(point) >= bits && bits_of(point) <= same_size * next && holds_time(point);
    });
    beats_uniform = (best_in_budget || best_as_large) && holds_time(searched);
    const auto against = [&](const std::optional<std::size_t>& rival, std::optional<PairedPoints>& difference) {
        difference.reset(); // judged anew
        if (!rival) return;
        difference = paired(uniform[*rival], searched);
        beats_uniform = beats_uniform && difference->divergence.interval.high < 0 && !perplexity_is_worse(*difference);
    };
    against(best_in_budget, against_in_budget);
    against(best_as_large, against_as_large);
}

const SearchPoint* RecipeSearch::offered() const {
    if (beats_uniform) return &searched;
    return best_in_budget ? &uniform[*best_in_budget] : nullptr;
}

std::string RecipeSearch::verdict() const {
    std::string text = "the searched recipe (" + bits(searched) + ") differs from ";
    if (!against_in_budget && !against_as_large) return "there is no uniform recipe to compare with";
    if (against_in_budget)
        text += "the best uniform recipe in the budget, " + compared(uniform[*best_in_budget], *against_in_budget);
    if (against_as_large && best_as_large != best_in_budget)
        text += std::string(against_in_budget ? "; from " : "") + "the next uniform one that is as large, " +
                compared(uniform[*best_as_large], *against_as_large);
    if (beats_uniform) return text + ": it is offered";
    const SearchPoint* other = offered();
    const std::string why = holds_time(searched)
                                ? "that is no proof that it is better"
                                : "timed itself its linears take " +
                                      number("%.4g ms", 1e3 * searched.seconds.value_or(0)) + " and not the " +
                                      number("%.4g ms", 1e3 * searched.predicted_seconds.value_or(0)) +
                                      " that the candidates' times add up to, which is over the limit";
    return text + ": " + why + ", so that " +
           (other == nullptr ? "nothing is offered: no uniform recipe fits the budget"
                             : "the uniform recipe " + other->name + " is offered");
}

} // namespace graticule
