// Tables that several commands print.
#pragma once

#include <string>
#include <vector>

#include "core/engine/export.h"
#include "core/result/evaluation.h"
#include "core/result/quantized_model.h"

namespace graticule::cli {

class Console;

/// Layers with the lowest output SQNR first (weight SQNR where no inputs were kept), then totals.
[[nodiscard]] std::string layers_text(const QuantizedModel& model);
[[nodiscard]] std::string totals_line(const QuantizedModel& model);
/// "53.81 ± 1.02"
[[nodiscard]] std::string perplexity_text(const Evaluation& evaluation);
/// "+1.23 (+2.3 %)", in brackets when the interval contains 0
[[nodiscard]] std::string difference_text(const Comparison& comparison);
[[nodiscard]] std::string interval_text(const Comparison& comparison);
[[nodiscard]] std::string exported_text(const Exported& exported);

[[nodiscard]] std::string evaluation_text(const Evaluation& evaluation);

} // namespace graticule::cli
