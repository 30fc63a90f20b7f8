// Searches, sensitivities, divergences, answers to tasks and compared calibration lengths as they are kept: in session
// files and in the journal beside the runs. What follows from what was measured is not kept but judged again;
// projections are not kept.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "app/session/studies.h"
#include "core/model/model.h"
#include "core/result/recipe_search.h"
#include "core/result/sensitivity.h"

namespace graticule {

struct Decisions {
    std::vector<std::shared_ptr<const RecipeSearch>> searches; ///< in the order in which they were done
    std::shared_ptr<const Sensitivity> sensitivity;            ///< the newest; null: there is none
    std::shared_ptr<const DivergenceStudy> divergence = {};    ///< the same
    std::shared_ptr<const TaskStudy> task = {};                ///< the same
    std::shared_ptr<const CalibrationLengths> lengths = {};    ///< the same
    [[nodiscard]] bool empty() const { return searches.empty() && !sensitivity && !divergence && !task && !lengths; }
};

/// What the command line's `search --json` prints.
[[nodiscard]] nlohmann::json search_to_json(const RecipeSearch& search);
/// Throw nlohmann's exceptions where something is missing, Error{bad_input} where it contradicts itself.
[[nodiscard]] std::shared_ptr<const RecipeSearch> search_from_json(const nlohmann::json& value);
[[nodiscard]] nlohmann::json sensitivity_to_json(const Sensitivity& sensitivity);
[[nodiscard]] std::shared_ptr<const Sensitivity> sensitivity_from_json(const nlohmann::json& value);

/// As members of a document, "searches", "sensitivity", "divergence", "task" and "lengths"; absent there: none.
void decisions_to_json(const Decisions& decisions, nlohmann::json& document);
[[nodiscard]] Decisions decisions_from_json(const nlohmann::json& document);

/// Those of the model with this hash.
[[nodiscard]] Decisions decisions_of(Decisions all, const Model& model, const std::string& model_hash);
/// Both, those of `first` first, and none twice; of what there is one of, that of `second` where it has one.
[[nodiscard]] Decisions merged(Decisions first, const Decisions& second);

} // namespace graticule
