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

/// Of a quantized model's linears, in ascending order.
[[nodiscard]] std::shared_ptr<const std::vector<LayerReport>> reports_of(const QuantizedModel& quantized);
/// That of a layer under a scheme; null: there is none.
[[nodiscard]] const LayerReport* find_report(const std::vector<LayerReport>& reports, LayerId layer,
                                             const std::string& scheme_line);

/// Of a run that was evaluated. Layers whose outputs were not measured this time, for want of a calibration, keep what
/// was measured of the same codes before. Throws Error{bad_input} naming the file.
void keep_reports(const RecordFolder& kept, const Run& run);
/// Gives the run what was kept of it; `tell` is told of a damaged file.
void find_reports(const RecordFolder& kept, const Model& model, Run& run,
                  const std::function<void(const std::string&)>& tell);

} // namespace graticule
