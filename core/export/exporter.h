// Exporters as rows: what a target accepts, and how a quantized model is written for it.
//
//     const Exporter& exporter = exporter_named("compressed-tensors");
//     Diagnostics before = exporter.check(model, choices, options);      // milliseconds: before anything is quantized
//     auto writer = exporter.open(heading, choices, folder, options);    // into an empty folder (staged_dir.h)
//     for (each linear as it is quantized) writer->take(linear);
//     writer->finish(quantized, ctx);
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
#include "core/recipe/stage.h"
#include "core/result/quantized_model.h"

namespace graticule {

class Checkpoint;

struct ExportOptions {
    ParamMap params;                          ///< of the exporter's own ParamSpecs
    std::int64_t shard_bytes = 5'000'000'000; ///< a weight file is closed before it grows beyond this
    /// Of what waits until its file can be written, as much stays in memory; the rest lies in a nameless file.
    std::int64_t held_bytes = 64'000'000;
    /// By LayerId, for exporters that hold it: what each linear stores beside its codes. core/engine/export.cpp says so.
    std::vector<StoredParts> parts = {};
};

/// A quantized model on its way into a folder, one linear after another: no more than one need be in memory.
class ModelWriter {
public:
    virtual ~ModelWriter() = default;
    /// Returns the linear's weight (out, in) as the folder's reader decodes what was handed to the folder.
    [[nodiscard]] virtual HostTensor take(const QuantizedLinear& linear) = 0;
    /// Every other tensor, the configuration and the companions. The codes in `model` are not looked at.
    virtual void finish(const QuantizedModel& model, JobContext& ctx) = 0;
};

struct Exporter {
    std::string_view name;  ///< on the command line and in files
    std::string_view label; ///< on screen
    std::string_view help;
    std::vector<std::string_view>
        loaders; ///< programs that read the result; what they do with it: core/export/target.h
    std::vector<ParamSpec> params;
    bool one_file = false; ///< tokenizer and configuration lie in the weights' file, not beside it
    /// Of the stages that leave more than codes and scales (core/engine/export.cpp names them), those whose outcome it
    /// stores.
    std::vector<Stage> holds = {};
    /// Everything that the target cannot hold (errors) or that a loader reads differently (warnings, notes), naming the
    /// layer and the way out.
    Diagnostics (*check)(const Model& model, const LayerChoices& choices, const ExportOptions& options) = nullptr;
    /// Begins to write into `folder`, which is there and empty. Of `heading` all counts but the results and the hash of
    /// the model, of which only the length does; `choices` as its linears will have them. Throws Error or Cancelled, as
    /// the writer does; the caller removes what was written.
    std::unique_ptr<ModelWriter> (*open)(const QuantizedModel& heading, const LayerChoices& choices,
                                         const std::filesystem::path& folder, const ExportOptions& options) = nullptr;
    /// How a linear is stored under a choice; absent: it cannot be, and `check` says why.
    std::optional<StoredLinear> (*stored)(const Linear& linear, const SchemeChoice& choice) = nullptr;
    /// Opens what was written, weights decoded under their original names.
    std::shared_ptr<const Checkpoint> (*read_back)(const std::filesystem::path& folder) = nullptr;
};

[[nodiscard]] std::span<const Exporter> all_exporters();
/// Throws Error{usage} naming the exporters there are.
[[nodiscard]] const Exporter& exporter_named(std::string_view name);

[[nodiscard]] LayerChoices choices_of(const QuantizedModel& model);

} // namespace graticule
