// A run as one self-contained page, and as a model card: to attach to an issue, to publish beside the weights. The same
// inputs give the same bytes: no times, no paths of this machine, nothing from the network.
#pragma once

#include <string>

#include "core/report/report.h"
#include "core/result/divergence.h"
#include "core/result/passages.h"

namespace graticule {

/// Tables, plots as SVG, recipe, protocol and provenance in one HTML file without scripts.
[[nodiscard]] std::string report_html(const ReportInput& input);
/// Markdown with the front matter that model hubs read. `exporter`: what the weights were written as; empty: nowhere.
[[nodiscard]] std::string model_card(const ReportInput& input, const std::string& exporter);

/// Where it hurts: how far a recipe's predictions are from its baseline's, and the worst passages of the text, each
/// token coloured by its divergence, with what both thought most likely there in its tooltip. One page without anything
/// beside.
[[nodiscard]] std::string divergence_html(const Evaluation& evaluation, const Divergence& divergence,
                                          const std::vector<Passage>& worst);

} // namespace graticule
