// Strings the verbs together and remembers the latest result of each, so that the window and the command line do the
// same things in the same order and give the same bytes.
//
//     Workbench work;
//     work.open("sample-opt", ctx);
//     work.quantize(recipe, ctx);                              // calibrates first when that has not been done
//     RunResult result = run_recipe(work, {.recipe = recipe, .out = "runs/int4"}, ctx);
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/engine/engine.h"
#include "core/engine/export.h"
#include "core/engine/resources.h"

namespace graticule {

class Workbench {
public:
    void open(const std::filesystem::path& path, JobContext& ctx);
    void adopt(OpenedModel opened); ///< one that was opened elsewhere; forgets the results of another model

    [[nodiscard]] const std::shared_ptr<const Model>& model() const { return opened_.model; }
    [[nodiscard]] const Tokenizer& tokenizer() const; ///< throws Error{bad_input} saying why there is none

    /// The kept statistics when they are for the same specification.
    std::shared_ptr<const ActivationStats> calibrate(const CalibrationSpec& spec, JobContext& ctx,
                                                     const StatsCallback& on_snapshot = {});
    /// Throws Error{bad_input} with every problem of the recipe, one a line.
    [[nodiscard]] ResolvedRecipe resolve(const Recipe& recipe) const;
    /// `with_statistics`: calibrate even when the recipe does not need it, for the output errors in the reports.
    std::shared_ptr<const QuantizedModel> quantize(const Recipe& recipe, bool with_statistics, JobContext& ctx,
                                                   const LayerCallback& on_layer = {});
    /// The same straight into a folder, see quantize_and_export; there is no latest quantized model afterwards.
    QuantizedExport quantize_and_export(const Recipe& recipe, const Exporter& exporter, const ExportTarget& target,
                                        const ExportOptions& options, JobContext& ctx,
                                        const LayerCallback& on_layer = {});
    /// The latest quantized model, or full precision (`quantized` false). The full-precision result is kept for the
    /// same text, window and number of windows.
    std::shared_ptr<const Evaluation> evaluate(bool quantized, const Corpus& corpus, const EvaluationSpec& spec,
                                               JobContext& ctx, const WindowCallback& on_window = {});

    /// The same of several recipes in one pass over the weights, as they say and in their order; none is the latest.
    std::vector<std::shared_ptr<const QuantizedModel>> quantize_together(std::span<const Recipe> recipes,
                                                                         JobContext& ctx);
    /// Every recipe quantized in one pass over the weights, then all evaluated side by side in another; first the model
    /// as it is, where `unquantized`.
    struct ComparedRun {
        std::shared_ptr<const QuantizedModel> quantized; ///< null: the model as it is
        std::shared_ptr<const Evaluation> evaluation;
    };
    std::vector<ComparedRun> compare(std::span<const Recipe> recipes, bool unquantized, const Corpus& corpus,
                                     const EvaluationSpec& spec, JobContext& ctx, const SideCallback& on_window = {});

    /// From now on what is quantized is evaluated as the target serves it (as_served), under the run's name with
    /// " as vllm-sm90"; compare() has each recipe as it says, too, where `beside`. Null: as recipes say. A recipe that
    /// the target refuses is an Error{unsupported} before any long work.
    void serve_as(const Target* target, bool beside = false);

    [[nodiscard]] const std::shared_ptr<const ActivationStats>& statistics() const { return statistics_; }
    [[nodiscard]] const std::shared_ptr<const QuantizedModel>& quantized() const { return quantized_; }

private:
    [[nodiscard]] Resolution resolution(const Recipe& recipe) const; ///< throws as resolve()
    [[nodiscard]] QuantizationSide prepare(const Recipe& recipe, bool with_statistics, JobContext& ctx);
    [[nodiscard]] std::shared_ptr<const QuantizedModel> served(std::shared_ptr<const QuantizedModel> quantized) const;

    OpenedModel opened_;
    std::shared_ptr<const ActivationStats> statistics_;
    std::shared_ptr<const QuantizedModel> quantized_;
    std::shared_ptr<const Evaluation> baseline_;
    std::string baseline_key_;
    const Target* target_ = nullptr;
    bool beside_ = false; ///< serve_as
};

struct RunRequest {
    Recipe recipe;
    std::filesystem::path out; ///< a folder: model/, recipe.json, report.json, report.md, layers.csv, graticule.json
    bool force = false;
    std::string exporter = "compressed-tensors";
    ExportOptions export_options;
    bool html = false; ///< also report.html and model_card.md
    std::string text;  ///< path; empty: the built-in evaluation text
    TextRule text_rule = TextRule::automatic;
    EvaluationSpec evaluation;
};

struct RunResult {
    std::shared_ptr<const QuantizedModel> quantized;
    std::shared_ptr<const Evaluation> baseline, evaluation;
    Comparison comparison;
    Exported exported;
    std::filesystem::path out;
};

/// Calibrate, quantize, evaluate in full precision and quantized, compare, export, report: the whole job. What is
/// written depends on the model, the recipe, the texts and the versions only (no times), and appears as a whole or not
/// at all.
[[nodiscard]] RunResult run_recipe(Workbench& work, const RunRequest& request, JobContext& ctx,
                                   const LayerCallback& on_layer = {}, const WindowCallback& on_window = {});

} // namespace graticule
