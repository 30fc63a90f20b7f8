// Studies of a recipe as they are kept: in session files and in the journal beside the runs.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>

#include "app/session/studies.h"

namespace graticule {

[[nodiscard]] nlohmann::json study_to_json(const DivergenceStudy& study);
/// Of the words of a task those of items whose answer flipped, which are the ones that are shown.
[[nodiscard]] nlohmann::json study_to_json(const TaskStudy& study);
[[nodiscard]] nlohmann::json study_to_json(const CalibrationLengths& lengths);
/// Throw nlohmann's exceptions where something is missing, Error where it contradicts itself.
[[nodiscard]] std::shared_ptr<const DivergenceStudy> divergence_study_from_json(const nlohmann::json& value);
[[nodiscard]] std::shared_ptr<const TaskStudy> task_study_from_json(const nlohmann::json& value);
[[nodiscard]] std::shared_ptr<const CalibrationLengths> lengths_from_json(const nlohmann::json& value);

/// As results are written (core/report/json_results.h).
[[nodiscard]] Divergence read_divergence(const nlohmann::json& value);
/// The ends of an interval of one window are null.
[[nodiscard]] Interval read_interval(const nlohmann::json& value);

} // namespace graticule
