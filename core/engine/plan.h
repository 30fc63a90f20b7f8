// What needs what, said once: the steps from what is there to what is wanted, in order. The command line's Workbench
// and the window's chains of jobs both walk this list; how a step is done is theirs.
//
//     for (const Step step : plan_of({.goal = Step::evaluate, .recipe = &resolved}, {.statistics = true})) ...
#pragma once

#include <cstdint>
#include <vector>

#include "core/engine/resolve.h"

namespace graticule {

enum class Step : std::uint8_t {
    calibrate,
    quantize,
    evaluate_unquantized, ///< the model as it is, which differences refer to
    evaluate,             ///< the recipe
};

struct PlanRequest {
    Step goal = Step::evaluate;
    const ResolvedRecipe* recipe = nullptr; ///< never null in a call of plan_of
    /// Calibrate even where the recipe does without: reports then have output errors.
    bool with_statistics = false;
};

/// What is there already and answers the request: of this model, this recipe and its calibration, this protocol.
struct PlanHave {
    bool statistics = false;
    bool quantized = false;
    bool unquantized_evaluation = false;
};

/// Steps in order; each one's needs come before it. A recipe that leaves every linear as it is needs neither quantizing
/// nor an evaluation of its own.
[[nodiscard]] std::vector<Step> plan_of(const PlanRequest& request, const PlanHave& have);

} // namespace graticule
