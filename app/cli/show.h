// Tables that several commands print.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "core/engine/export.h"
#include "core/result/divergence.h"
#include "core/result/evaluation.h"
#include "core/result/quantized_model.h"

namespace graticule::cli {

class Console;

/// Layers with the lowest output SQNR first (weight SQNR where no inputs were kept), then totals.
[[nodiscard]] std::string layers_text(const QuantizedModel& model);
/// "4.281 (ideal 4.156)"; one number where both are the same.
[[nodiscard]] std::string bits_text(const StoredBits& bits);
/// "4.13 bits a weight, model 2.1 MB -> 0.7 MB"
[[nodiscard]] std::string size_text(const StoredBits& bits_per_weight, std::int64_t bytes_before,
                                    std::int64_t bytes_after);
[[nodiscard]] std::string totals_line(const QuantizedModel& model);
/// "+1.23 (+2.3 %)", in brackets when the interval contains 0
[[nodiscard]] std::string bracketed_difference(const Comparison& comparison);
[[nodiscard]] std::string interval_text(const Comparison& comparison);
/// What becomes of the exported model where: one block a target.
[[nodiscard]] std::string targets_text(const std::vector<TargetReport>& reports);
[[nodiscard]] std::string exported_text(const Exported& exported);

[[nodiscard]] std::string evaluation_text(const Evaluation& evaluation);
[[nodiscard]] std::string divergence_text(const Divergence& divergence);
/// "0.21 .. 0.24"; "n/a" of a single value
[[nodiscard]] std::string interval_text(const Interval& interval, int decimals);

/// What to know about a model whose file holds quantized weights: "note: ..." and a newline, empty for others.
[[nodiscard]] std::string stored_text(const Model& model);
[[nodiscard]] nlohmann::json stored_json(const Model& model); ///< null for others

} // namespace graticule::cli
