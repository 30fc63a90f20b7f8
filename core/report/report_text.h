// How the reports write a number or a difference: Markdown, HTML and the model card alike.
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
/// Perplexity and its spread, which one window does not have.
[[nodiscard]] std::string perplexity_text(const Evaluation& run);
[[nodiscard]] std::string difference_text(const Comparison& comparison);
/// What the order of worst_first(reports) goes by: "worst output first", or the weights where no output was measured.
[[nodiscard]] std::string order_text(const std::vector<const LayerReport*>& worst);
[[nodiscard]] bool outputs_measured(const std::vector<const LayerReport*>& reports); ///< of any of them
/// Where figures come from that the quantization at hand does not have.
inline constexpr const char* kept_note =
    "Output errors were measured earlier, of the same codes, and kept with the run.";

} // namespace graticule
