// Figures of the layers of runs, kept beside the journal: a run that was measured is shown as measured when it comes
// back. A file for each quantization, whatever it was evaluated on; they are made again where one is gone or damaged.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "app/session/run.h"
#include "app/session/run_journal.h"
#include "core/engine/record_folder.h"

namespace graticule {

[[nodiscard]] RecordFolder kept_reports(const RunJournal& journal);
/// Model, recipe and how it was computed, of a run that was evaluated: evaluations of one quantization share it.
[[nodiscard]] std::string reports_key(const Run& run);
/// Each of a linear of the model, in ascending order.
[[nodiscard]] bool are_reports_of(const Model& model, const std::vector<LayerReport>& reports);

/// Of a quantized model's linears, in ascending order.
[[nodiscard]] std::shared_ptr<const std::vector<LayerReport>> reports_of(const QuantizedModel& quantized);
/// That of a layer under a scheme; null: there is none.
[[nodiscard]] const LayerReport* find_report(const std::vector<LayerReport>& reports, LayerId layer,
                                             const std::string& scheme_line);

/// Layers whose outputs were not measured, for want of a calibration, keep what was measured of the same codes
/// `before`.
/// Returns whether one did.
bool keep_measured(std::vector<LayerReport>& reports, const std::vector<LayerReport>& before);

/// Of its layers, where some are known by figures that its weights in memory do without: they were quantized again, or
/// without a calibration. Null: there are none.
[[nodiscard]] std::shared_ptr<const std::vector<LayerReport>> measured_beyond(const Run& run);

/// Of a run that was evaluated. What was measured before is kept (keep_measured). Throws Error{bad_input} naming the
/// file.
void keep_reports(const RecordFolder& kept, const Run& run);
/// Gives the run what was kept of it, where it has none; `tell` is told of a damaged file.
void find_reports(const RecordFolder& kept, const Model& model, Run& run,
                  const std::function<void(const std::string&)>& tell);

} // namespace graticule
