#include "core/result/recipe_search.h"

#include <cstdio>

namespace graticule {

namespace {

std::string number(const char* format, double value) {
    char text[64];
    std::snprintf(text, sizeof text, format, value);
    return text;
}

std::string bits(const SearchPoint& point) { return number("%.3f bits", point.size.bits_per_weight.actual); }

std::string compared(const SearchPoint& rival, const PairedPoints& difference) {
    const MeanEstimate& divergence = difference.divergence;
    return rival.name + " (" + bits(rival) + ") by " + number("%+.5f", divergence.mean) +
           " nats a token (95 %: " + number("%+.5f", divergence.interval.low) + " to " +
           number("%+.5f", divergence.interval.high) + ")";
}

} // namespace

bool SizeBudget::holds(const ModelSize& size) const {
    // A part in 10^9 for sums of fractions of bits; bytes are whole numbers.
    return (!this->bits || size.bits_per_weight.actual <= *this->bits * (1 + 1e-9)) && (!bytes || size.bytes <= *bytes);
}

std::string SizeBudget::text() const {
    if (this->bits) return number("%.6g bits a weight", *this->bits);
    return number("%.6g MB", static_cast<double>(bytes.value_or(0)) / 1e6);
}

const SearchPoint* RecipeSearch::offered() const {
    if (beats_uniform) return &searched;
    return best_in_budget ? &uniform[*best_in_budget] : nullptr;
}

std::string RecipeSearch::verdict() const {
    std::string text = "the searched recipe (" + bits(searched) + ") differs in divergence from ";
    if (!against_in_budget && !against_as_large) return "there is no uniform recipe to compare with";
    if (against_in_budget)
        text += "the best uniform recipe in the budget, " + compared(uniform[*best_in_budget], *against_in_budget);
    if (against_as_large && best_as_large != best_in_budget)
        text += std::string(against_in_budget ? "; from " : "") + "the next uniform one that is as large, " +
                compared(uniform[*best_as_large], *against_as_large);
    if (beats_uniform) return text + ": it is offered";
    const SearchPoint* other = offered();
    return text + ": that is no proof that it is better, so that " +
           (other == nullptr ? "nothing is offered: no uniform recipe fits the budget"
                             : "the uniform recipe " + other->name + " is offered");
}

} // namespace graticule
