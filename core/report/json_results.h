// Results as JSON: what the command line prints and what reports are made of, from one place.
#pragma once

#include <nlohmann/json.hpp>

#include "core/base/diagnostics.h"
#include "core/base/param_spec.h"
#include "core/base/provenance.h"
#include "core/result/divergence.h"
#include "core/result/evaluation.h"
#include "core/result/layer_report.h"
#include "core/result/length_study.h"
#include "core/result/passages.h"
#include "core/result/quantized_model.h"
#include "core/result/recipe_search.h"
#include "core/result/sensitivity.h"
#include "core/result/speed_study.h"
#include "core/result/task_run.h"

namespace graticule {

/// Reports must be the same bytes for the same inputs, so what only says how long this run took can be left out.
enum class Timing { leave_out, include };

[[nodiscard]] nlohmann::json to_json(const Diagnostics& diagnostics);
[[nodiscard]] nlohmann::json to_json(const ParamSpec& spec);
[[nodiscard]] nlohmann::json to_json(const Provenance& provenance);
[[nodiscard]] nlohmann::json to_json(const LayerReport& report, Timing timing);
[[nodiscard]] nlohmann::json to_json(const Protocol& protocol);
[[nodiscard]] nlohmann::json to_json(const std::vector<KernelUse>& kernels);
[[nodiscard]] nlohmann::json to_json(const Evaluation& evaluation, Timing timing);
[[nodiscard]] nlohmann::json to_json(const PairedDifference& difference);
[[nodiscard]] nlohmann::json to_json(const Comparison& comparison);
[[nodiscard]] nlohmann::json to_json(const Divergence& divergence);
[[nodiscard]] nlohmann::json to_json(const Passage& passage);
[[nodiscard]] nlohmann::json to_json(const TaskProtocol& protocol); ///< but for the task's name
[[nodiscard]] nlohmann::json to_json(const TaskRun& run, Timing timing);
/// With the places of the items in the file, which `run` has.
[[nodiscard]] nlohmann::json to_json(const Flips& flips, const TaskRun& run);
[[nodiscard]] nlohmann::json to_json(const Sensitivity& sensitivity, Timing timing);
[[nodiscard]] nlohmann::json to_json(const RecipeSearch& search, Timing timing);
/// Sizes, recipe and layers of a quantized model.
[[nodiscard]] nlohmann::json to_json(const QuantizedModel& model, Timing timing);
/// Update ratios, ranges and, where measured, perplexities by calibration length.
[[nodiscard]] nlohmann::json to_json(const LengthStudy& study, Timing timing);
[[nodiscard]] nlohmann::json to_json(const LengthAdvice& advice);
/// Times are what it is about: all of them.
[[nodiscard]] nlohmann::json to_json(const SpeedStudy& study);

} // namespace graticule
