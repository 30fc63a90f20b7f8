// The verb for recipes under a budget: predicts what every candidate scheme costs each group of linears, chooses under
// the budget, and lets measurement on text that the search has not seen decide whether the result is worth having.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/engine/workbench.h"
#include "core/io/corpus.h"
#include "core/result/recipe_search.h"

namespace graticule {

struct SearchSpec {
    SizeBudget budget;
    /// What the linears may take in one pass beside that; TimedPass::before as far as the model has positions.
    /// Candidates are timed on the job's device, in integer arithmetic where there are kernels, and so is every recipe
    /// that is measured. A linear's time is that of its kind divided over the linears of the kind, all treated alike.
    std::optional<TimeBudget> time{};
    /// Each one scheme for all layers: no rules, nothing ignored, nothing that folds into other tensors.
    std::vector<Recipe> candidates;
    EvaluationSpec fit;      ///< windows of the search's own text
    std::int64_t draws = 8;  ///< SensitivitySpec::draws
    EvaluationSpec held_out; ///< windows that are measured on
    Grouping grouping = Grouping::fused;
};

/// Lines of schemes that a search tries when nobody names others: weights of 3 to 8 bits, inputs as they are.
[[nodiscard]] std::span<const std::string_view> default_candidates();

/// Measured beside the candidates that come near the budget: each candidate with other groups. Predictions are float32,
/// and so is what is measured where `ctx` leaves the type open; one that is asked for holds. Throws Error{bad_input}
/// for a budget below the smallest candidates, for a time below the least there is in that size, naming it, as soon as
/// the candidates are timed, and for a pass beyond the model's positions, Error{usage} for two texts of which a tenth
/// is the same and for candidates that are not one scheme for all layers, round attention's operands differently or
/// are there twice; Error{unsupported} as measure_sensitivity does.
[[nodiscard]] std::shared_ptr<const RecipeSearch> search_recipe(Workbench& work, const SearchSpec& spec,
                                                                const Corpus& fit_text, const Corpus& held_out_text,
                                                                JobContext& ctx);

} // namespace graticule
