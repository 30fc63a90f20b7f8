// A run told to somebody who was not there: JSON for programs, Markdown for people, CSV for spreadsheets. The same
// inputs give the same bytes: no times, no paths of this machine.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/base/diagnostics.h"
#include "core/result/evaluation.h"
#include "core/result/quantized_model.h"

namespace graticule {

struct ReportInput {
    std::shared_ptr<const QuantizedModel> quantized;
    std::shared_ptr<const Evaluation> baseline, evaluation;
    Comparison comparison;
    Diagnostics export_notes;
    /// Of the layers, in ascending order, where more was measured when the run was made than when its weights were
    /// quantized again; null: those of `quantized` are all there is.
    std::shared_ptr<const std::vector<LayerReport>> kept = nullptr;
};

/// Of the layers that are quantized, in ascending order.
[[nodiscard]] std::vector<const LayerReport*> layers_of(const ReportInput& input);

[[nodiscard]] std::string report_json(const ReportInput& input);
[[nodiscard]] std::string report_markdown(const ReportInput& input);
[[nodiscard]] std::string layers_csv(const QuantizedModel& model);
[[nodiscard]] std::string layers_csv(const ReportInput& input);
[[nodiscard]] std::string provenance_json(const ReportInput& input);

} // namespace graticule
