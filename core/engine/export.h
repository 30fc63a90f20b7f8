// The verb: check first, write aside, read back and compare, then rename into place.
//
//     Exported done = export_model(quantized, exporter_named("compressed-tensors"), {"exports/opt-int4"}, {}, ctx);
//     QuantizedExport both = quantize_and_export(model, stats, resolved, exporter, {"exports/opt-int4"}, {}, ctx);
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/diagnostics.h"
#include "core/base/job_context.h"
#include "core/engine/engine.h"
#include "core/engine/resolve.h"
#include "core/export/exporter.h"
#include "core/export/staged_dir.h"
#include "core/result/quantized_model.h"

namespace graticule {

struct ReloadCheck { ///< what our own loader read back, against what was meant
    std::int64_t tensors = 0;
    std::int64_t different = 0;  ///< of them not the same bit for bit
    double largest_relative = 0; ///< largest |difference| over the tensor's absolute maximum
    std::string worst;           ///< tensor of it
};

struct Exported {
    std::filesystem::path folder;
    std::vector<std::pair<std::string, std::int64_t>> files; ///< name and bytes, sorted
    std::int64_t bytes = 0;
    Diagnostics notes;                 ///< warnings and notes of the check
    std::vector<TargetReport> targets; ///< what becomes of it where
    ReloadCheck reload;
    std::filesystem::path moved_aside; ///< StagedDir::commit
    bool replaced = false;             ///< an earlier output of this program stood there
};

struct ExportTarget {
    std::filesystem::path folder;
    bool force = false; ///< StagedDirOptions::force
    std::string force_hint = StagedDirOptions{}.force_hint;
};

/// Bytes that the folder will have at least: codes in the widths that the exporter stores them in, all else as it is;
/// scales, tokenizer and configuration come on top.
[[nodiscard]] std::uint64_t least_export_bytes(const Model& model, const LayerChoices& choices,
                                               const Exporter& exporter);

/// Files that it will have at least, and itself.
[[nodiscard]] std::uint64_t least_export_files(const Model& model, const Exporter& exporter);

/// Everything that can be known before there is anything to export and without touching the disk, all at once: the
/// folder, the methods and the schemes.
[[nodiscard]] Diagnostics export_findings(const Model& model, const LayerChoices& choices, const Exporter& exporter,
                                          const ExportTarget& target, const ExportOptions& options);

/// The same for a program: throws Error{unsupported} with every problem, Error{usage} for the folder, Error{bad_input}
/// when nothing can be written there; returns what remains to be said.
[[nodiscard]] Diagnostics check_export(const Model& model, const LayerChoices& choices, const Exporter& exporter,
                                       const ExportTarget& target, const ExportOptions& options);

/// That the recipe can be exported for the target and that the target takes every linear. Throws Error{unsupported}
/// with what stands against it. Returns the first of the target's exporters that can hold the recipe.
const Exporter& check_served(const Model& model, const LayerChoices& choices, const Target& target);

[[nodiscard]] Exported export_model(const QuantizedModel& model, const Exporter& exporter, const ExportTarget& target,
                                    const ExportOptions& options, JobContext& ctx);

/// Quantizes and exports in one go, each linear as soon as it is done: no more than one block of the model is in memory.
/// The same bytes as export_model of a finished one.
struct QuantizedExport {
    std::shared_ptr<const QuantizedModel> quantized; ///< as quantize with a sink gives it: reports and sizes, no codes
    Exported exported;
};
[[nodiscard]] QuantizedExport quantize_and_export(std::shared_ptr<const Model> model,
                                                  std::shared_ptr<const ActivationStats> stats,
                                                  const ResolvedRecipe& resolved, const Exporter& exporter,
                                                  const ExportTarget& target, const ExportOptions& options,
                                                  JobContext& ctx, const LayerCallback& on_layer = {});

/// export_model into an empty folder that the caller stages (a run's output holds the model and the reports).
[[nodiscard]] Exported export_into(const QuantizedModel& model, const Exporter& exporter,
                                   const std::filesystem::path& folder, const ExportOptions& options, JobContext& ctx);

} // namespace graticule
