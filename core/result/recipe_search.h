// What a search for a recipe under a budget found: each group's scheme by prediction, and how the recipe made of them
// does on text that the search has not seen, beside recipes that treat all layers alike.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/recipe/recipe.h"
#include "core/result/divergence.h"
#include "core/result/linear_times.h"
#include "core/result/sensitivity.h"
#include "core/result/stored_size.h"

namespace graticule {

/// One of the two: average bits a weight of the decoder linears, or bytes of the whole model (core/result/stored_size.h
/// counts both).
struct SizeBudget {
    std::optional<double> bits;
    std::optional<std::int64_t> bytes;
    [[nodiscard]] bool holds(const ModelSize& size) const;
    [[nodiscard]] std::string text() const; ///< "4.5 bits a weight", "1.2 GB"
};

struct SearchPoint {
    std::string name; ///< the scheme's line, or "searched"
    Recipe recipe;
    ModelSize size;
    /// The sum over groups of what each is expected to cost alone, nats per token of the search's own text; absent for
    /// uniform recipes that are no candidates.
    std::optional<double> predicted;
    /// The same with the groups' effects on each other, from the sums of their projections.
    std::optional<double> predicted_together;
    /// Where a time was asked, the time of the linears in one pass, measured per kind of layer: as the candidates'
    /// times add up over this recipe's linears (absent: no candidate), and as this recipe was timed itself.
    std::optional<double> predicted_seconds, seconds;
    std::shared_ptr<const Evaluation> evaluation;
    Divergence divergence; ///< from full precision, on the held-out text
};

/// What a search under a limit of time measured before it chose.
struct SearchTimes {
    TimeBudget budget;
    std::vector<LinearTimes> candidates; ///< as they were named; each says its scheme
    Provenance provenance;               ///< device and execution
};

/// Paired over windows: what `other` has less or more than `rival`.
struct PairedPoints {
    MeanEstimate divergence; ///< nats per token
    PairedDifference perplexity;
};

struct RecipeSearch {
    SizeBudget budget;
    std::optional<SearchTimes> times; ///< absent: no time was asked
    /// By groups, of every candidate, in float32; what was measured says its own type in its protocol.
    std::shared_ptr<const Sensitivity> sensitivity;
    std::vector<std::size_t> choice;            ///< of each group, an index in sensitivity->schemes
    std::shared_ptr<const Evaluation> baseline; ///< full precision on the held-out text
    SearchPoint searched;
    std::vector<SearchPoint> uniform; ///< that were measured, by size
    // What follows from what was measured: judge() fills it in.
    /// The uniform one with the least divergence among those that fit the budget, and among those of the next size that
    /// is as large as the searched recipe or larger; absent: there is none. Where a time was asked, both hold it.
    std::optional<std::size_t> best_in_budget, best_as_large;
    std::optional<PairedPoints> against_in_budget, against_as_large; ///< the searched recipe's, minus theirs
    /// Whether the searched recipe diverges less than both, by intervals that exclude 0, and its perplexity is higher
    /// than that of neither beyond chance, and holds the time that was asked, timed itself; of one that is absent
    /// nothing is asked.
    bool beats_uniform = false;

    double seconds = 0;

    void judge();                                                  ///< of points over the same windows
    [[nodiscard]] bool holds_time(const SearchPoint& point) const; ///< true where no time was asked
    [[nodiscard]] std::string budget_text() const;                 ///< of both limits

    /// What is offered: the searched recipe where it beats the uniform ones, else the best uniform one in the budget;
    /// null: none fits.
    [[nodiscard]] const SearchPoint* offered() const;
    /// Why, in a sentence or two. Numbers as in files, with hyphens for minus signs.
    [[nodiscard]] std::string verdict() const;
};

} // namespace graticule
