#include "core/engine/plan.h"

#include <algorithm>

#include "core/base/error.h"

namespace graticule {

std::vector<Step> plan_of(const PlanRequest& request, const PlanHave& have) {
    GRATICULE_ASSERT(request.recipe != nullptr, "a plan without a recipe");
    const ResolvedRecipe& recipe = *request.recipe;
    const auto& plans = recipe.plans();
    const bool changes = std::any_of(plans.begin(), plans.end(),
                                     [](const auto& plan) { return plan && plan->choice != SchemeChoice{}; });
    const bool evaluates = request.goal == Step::evaluate;
    const bool quantizes = request.goal == Step::quantize || (evaluates && changes && !have.quantized);
    const bool calibrates = request.goal == Step::calibrate ||
                            (!have.statistics && quantizes && (request.with_statistics || recipe.needs_calibration()));
    std::vector<Step> steps;
    // First the figure that all others are set against: it is there soonest and needs nothing.
    if (request.goal == Step::evaluate_unquantized || (evaluates && !have.unquantized_evaluation))
        steps.push_back(Step::evaluate_unquantized);
    if (calibrates) steps.push_back(Step::calibrate);
    if (quantizes) steps.push_back(Step::quantize);
    if (evaluates && changes) steps.push_back(Step::evaluate);
    return steps;
}

} // namespace graticule
