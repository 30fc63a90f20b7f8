// How the reports write a number or a difference: Markdown, HTML and the model card alike; the command line in part.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/result/evaluation.h"
#include "core/result/quantized_model.h"

namespace graticule {

/// `format` of printf for one double; what is not finite is "exact" (plus infinity) or "-".
[[nodiscard]] std::string number_text(const char* format, double value);
[[nodiscard]] std::string number_text(const char* format, const std::optional<double>& value); ///< absent: "-"
[[nodiscard]] std::string megabytes_text(std::int64_t bytes);
/// "53.8100 ± 1.0200", "53.8100 (one window)", which has no spread; and " (means nothing)", where what is said of the
/// difference, or a warning, says why.
[[nodiscard]] std::string perplexity_text(const Evaluation& run);
[[nodiscard]] std::string difference_text(const Comparison& comparison);
/// What the order of worst_first(reports) goes by: "worst output first", or the weights where no output was measured.
[[nodiscard]] std::string order_text(const std::vector<const LayerReport*>& worst);
[[nodiscard]] bool outputs_measured(const std::vector<const LayerReport*>& reports); ///< of any of them
/// Which layers were fitted to fewer tokens than inputs (LayerReport::too_few_rows), as a sentence; empty: none.
[[nodiscard]] std::string doubtful_text(const std::vector<const LayerReport*>& reports);
/// Where figures come from that the quantization at hand does not have.
inline constexpr const char* kept_note =
    "Output errors were measured earlier, of the same codes, and kept with the run.";

} // namespace graticule
