// Exporters as rows: what a target accepts, and how a quantized model is written for it.
//
//     const Exporter& exporter = exporter_named("compressed-tensors");
//     Diagnostics before = exporter.check(model, choices, options);      // milliseconds: before anything is quantized
//     exporter.write(quantized, folder, options, ctx);                   // into an empty folder
//     (core/export/staged_dir.h)
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/diagnostics.h"
#include "core/base/job_context.h"
#include "core/base/param_spec.h"
#include "core/export/target.h"
#include "core/recipe/layer_choices.h"
#include "core/result/quantized_model.h"

namespace graticule {

class Checkpoint;

struct ExportOptions {
    ParamMap params;                          ///< of the exporter's own ParamSpecs
    std::int64_t shard_bytes = 5'000'000'000; ///< a weight file is closed before it grows beyond this
};

struct Exporter {
    std::string_view name;  ///< on the command line and in files
    std::string_view label; ///< on screen
    std::string_view help;
    std::vector<std::string_view>
        loaders; ///< programs that read the result; what they do with it: core/export/target.h
    std::vector<ParamSpec> params;
    /// Everything that the target cannot hold (errors) or that a loader reads differently (warnings, notes), naming the
    /// layer and the way out.
    Diagnostics (*check)(const Model& model, const LayerChoices& choices, const ExportOptions& options) = nullptr;
    /// Writes every file into `folder`, which is there and empty. Throws Error or Cancelled; the caller removes the
    /// rest.
    void (*write)(const QuantizedModel& model, const std::filesystem::path& folder, const ExportOptions& options,
                  JobContext& ctx) = nullptr;
    /// How a linear is stored under a choice; absent: it cannot be, and `check` says why. Null where no target reads
    /// the files.
    std::optional<StoredLinear> (*stored)(const Linear& linear, const SchemeChoice& choice) = nullptr;
    /// Opens what `write` wrote, weights decoded under their original names.
    std::shared_ptr<const Checkpoint> (*read_back)(const std::filesystem::path& folder) = nullptr;
};

[[nodiscard]] std::span<const Exporter> all_exporters();
/// Throws Error{usage} naming the exporters there are.
[[nodiscard]] const Exporter& exporter_named(std::string_view name);

[[nodiscard]] LayerChoices choices_of(const QuantizedModel& model);

} // namespace graticule
