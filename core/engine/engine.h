// The verbs. The window and the command line call the same ones in the same order. Each takes a JobContext (progress,
// cancel, log, device), throws Error or Cancelled, and returns an immutable result; none knows about another's files.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/job_context.h"
#include "core/engine/resolve.h"
#include "core/io/checkpoint.h"
#include "core/io/corpus.h"
#include "core/io/tokenizer.h"
#include "core/model/model.h"
#include "core/recipe/recipe.h"
#include "core/result/evaluation.h"
#include "core/result/quantized_model.h"
#include "core/stats/activation_stats.h"
#include "core/stats/step_histogram.h"

namespace graticule {

struct OpenedModel {
    std::shared_ptr<const Model> model;
    std::shared_ptr<const Tokenizer> tokenizer; ///< null when there is none; `tokenizer_problem` says why
    std::string tokenizer_problem;
};
[[nodiscard]] OpenedModel open_model(const std::filesystem::path& path, JobContext& ctx);

/// Present where the file holds weights that another run quantized: what is evaluated then is not full precision.
[[nodiscard]] std::optional<StoredQuantization> stored_quantization(const Model& model);
/// What is done with them and what is not, in a sentence; empty for other models.
[[nodiscard]] std::string stored_note(const Model& model);
/// What the model without a recipe is called: "full precision" or "as stored".
[[nodiscard]] std::string unquantized_name(const Model& model);

/// Token ids of a text as the protocol wants them: whole text once, one BOS at the very start where the tokenizer adds
/// one.
[[nodiscard]] std::vector<std::int32_t> tokenize(const Tokenizer& tokenizer, const Corpus& corpus);

/// Cuts `spec.samples` windows of `spec.length` tokens. Throws Error{bad_input} when the text is shorter than one
/// window.
[[nodiscard]] std::vector<std::vector<std::int32_t>> pick_samples(const std::vector<std::int32_t>& ids,
                                                                  const CalibrationSpec& spec);

using StatsCallback = std::function<void(std::shared_ptr<const ActivationStats>)>; ///< snapshots while it runs
[[nodiscard]] std::shared_ptr<const ActivationStats> calibrate(const Model& model, const Tokenizer& tokenizer,
                                                               const CalibrationSpec& spec, JobContext& ctx,
                                                               const StatsCallback& on_snapshot = {});

using LayerCallback = std::function<void(const LayerReport&)>; ///< each layer as it is done
/// Takes what quantizing makes as it is made, so that no more than one block of it is in memory.
class QuantizedSink {
public:
    virtual ~QuantizedSink() = default;
    /// Before the first block: the result as far as it is known then, without what is in its linears. In place of a
    /// hash of the model that is not known yet stand zeros.
    virtual void begin(const QuantizedModel& heading) = 0;
    virtual void take(QuantizedLinear linear) = 0;                       ///< in execution order
    virtual void take(const std::string& name, HostTensor replaced) = 0; ///< QuantizedModel::replaced, block by block
};
struct QuantizeOptions {
    /// With one the result is the report of a run: its linears hold no codes, parameters, kept columns or low-rank
    /// factors, and nothing is replaced.
    QuantizedSink* sink = nullptr;
    /// Without a sink: bytes of weights that stay in memory, the rest lies in a nameless file (core/io/spill_file.h);
    /// -1: a quarter of the memory that is free.
    std::int64_t held_bytes = -1;
    /// File of finished blocks (quantization_journal.h): the same quantization that was stopped or killed goes on behind
    /// the last of them, with the same result; empty: nothing is kept. One that cannot be written is said in the log.
    std::filesystem::path journal = {};
};
/// `stats` may be null when no method and no static activation needs it; output errors are then absent from the
/// reports.
[[nodiscard]] std::shared_ptr<const QuantizedModel> quantize(std::shared_ptr<const Model> model,
                                                             std::shared_ptr<const ActivationStats> stats,
                                                             const ResolvedRecipe& resolved, JobContext& ctx,
                                                             const LayerCallback& on_layer = {},
                                                             const QuantizeOptions& options = {});

/// One of several recipes that are quantized in one pass over the model's file; members as the parameters of quantize.
struct QuantizationSide {
    ResolvedRecipe resolved;
    std::shared_ptr<const ActivationStats> stats = nullptr;
    /// When a stop of it is due, this side goes no further and the others do; null: it is never stopped alone.
    const CancelToken* stop = nullptr;
};
using SideLayerCallback = std::function<void(std::size_t side, const LayerReport&)>;
/// The same results, in the order of `sides`: every block is loaded once and quantized under all of them. `seconds` and
/// the peaks are those of the pass. Null for one that was stopped on the way; Cancelled is thrown when all are.
/// `journal` as in QuantizeOptions, of the same recipes in the same order.
[[nodiscard]] std::vector<std::shared_ptr<const QuantizedModel>>
quantize_together(std::shared_ptr<const Model> model, std::span<const QuantizationSide> sides, JobContext& ctx,
                  const SideLayerCallback& on_layer = {}, const std::filesystem::path& journal = {});

/// Of the linears that the recipe quantizes, those in finished blocks of a quantization that was stopped.
struct KeptLinears {
    std::int64_t linears = 0, of = 0;
    bool operator==(const KeptLinears&) const = default;
};
/// What the file (QuantizeOptions::journal) holds of one pass, looked at without reading its linears; nothing where
/// there is none.
struct KeptBlocks {
    std::vector<std::string> sides; ///< whose they are, as kept_linears knows them
    std::size_t records = 0;        ///< finished blocks, one of each side after another
    bool operator==(const KeptBlocks&) const = default;
};
[[nodiscard]] KeptBlocks kept_blocks(const std::filesystem::path& journal);
/// Of them, those of that quantization; absent where they are another one's, and before the model's hash is known. Only
/// quantizing itself knows whether it goes on behind them: a device or a program may have changed.
[[nodiscard]] std::optional<KeptLinears> kept_linears(const KeptBlocks& blocks, const Model& model,
                                                      const Recipe& recipe, const Execution& execution);

struct EvaluationSpec {
    std::int64_t window = 2048;   ///< tokens
    std::int64_t max_windows = 0; ///< 0: all
    std::string run_name;
    /// One that was stopped: its windows are not evaluated again where model, recipe, protocol and device are the same,
    /// and the result is that of an uninterrupted one. Anything else starts from the beginning.
    std::shared_ptr<const Evaluation> resume = nullptr;
    /// Keep what every side says of each token, and how far that is from the first side: divergence_between two of
    /// them. Nothing is resumed then.
    bool predictions = false;
    std::int64_t likely = 0;       ///< with them, so many of the most likely tokens at every place, for who looks at it
    std::string protocol = "gptq"; ///< ProtocolRow::name
};
/// The windows of `ids` that an evaluation uses. Throws Error{bad_input} where the text has not one.
[[nodiscard]] std::vector<std::span<const std::int32_t>>
evaluation_windows(const std::vector<std::int32_t>& ids, const Corpus& corpus, const EvaluationSpec& spec);

using WindowCallback = std::function<void(const Evaluation& so_far)>;
/// `quantized` null: the model as it is.
[[nodiscard]] std::shared_ptr<const Evaluation> evaluate(std::shared_ptr<const Model> model,
                                                         std::shared_ptr<const QuantizedModel> quantized,
                                                         const Tokenizer& tokenizer, const Corpus& corpus,
                                                         const EvaluationSpec& spec, JobContext& ctx,
                                                         const WindowCallback& on_window = {});

/// One of several evaluations that share a pass over the weights; members as the parameter and in EvaluationSpec.
struct EvaluationSide {
    std::shared_ptr<const QuantizedModel> quantized;
    std::string run_name;
    std::shared_ptr<const Evaluation> resume = nullptr;
    /// When a stop of it is due, this side goes no further and the others do; null: it is never stopped alone.
    const CancelToken* stop = nullptr;
};
using SideCallback = std::function<void(std::size_t side, const Evaluation& so_far)>;
/// The same results, in the order of `sides`, from one pass: each block is loaded once and every side's windows pass
/// it. Of `spec` the windows, `predictions` and `likely` count. The sides go on where the one that was stopped first
/// left off; `seconds` are those of the pass. One that was stopped on the way is as far as it came, and not complete;
/// Cancelled is thrown when all are. With `predictions`, which are told apart from the first side, none is stopped alone.
[[nodiscard]] std::vector<std::shared_ptr<const Evaluation>>
evaluate_together(std::shared_ptr<const Model> model, std::span<const EvaluationSide> sides, const Tokenizer& tokenizer,
                  const Corpus& corpus, const EvaluationSpec& spec, JobContext& ctx,
                  const SideCallback& on_window = {});

/// Throws Error{bad_input} naming the model for rows that it cannot run: of different lengths, longer than its
/// positions, with ids outside its vocabulary.
void check_token_ids(const Model& model, const std::vector<std::vector<std::int32_t>>& ids);

/// Logits (sequences, tokens, vocabulary) float32 for id rows of equal length.
[[nodiscard]] HostTensor logits(std::shared_ptr<const Model> model, std::shared_ptr<const QuantizedModel> quantized,
                                const std::vector<std::vector<std::int32_t>>& ids, JobContext& ctx);

/// What-if on one linear from kept calibration inputs, without a run: milliseconds for a sample model.
struct WhatIf {
    LayerReport report;              ///< under `choice`
    QParams params;                  ///< of the (smoothed) weight
    StepHistogram weight_in_steps;   ///< of every (smoothed) weight divided by its block's scale; empty: unquantized
    std::vector<float> smoothing;    ///< factor s per channel; empty: none
    std::vector<float> input_absmax; ///< per channel after smoothing
};
struct WhatIfLayer;
class WhatIfLayers;
/// For one thread, one after the other, beside whatever `device` computes for others.
class WhatIfs {
public:
    /// Throws as open_device does.
    WhatIfs(std::shared_ptr<const Model> model, std::shared_ptr<const ActivationStats> stats,
            const std::string& device = "cpu");
    ~WhatIfs();
    /// `rows`: of the kept inputs, evenly spread, that are looked at; 0: all. Throws Error{bad_input} for a choice that
    /// the run would refuse.
    [[nodiscard]] WhatIf of(LayerId layer, const SchemeChoice& choice, std::int64_t rows = 0,
                            ScoredOn scored_on = ScoredOn::all_seen) const;
    /// The same of the weight alone, which is there much sooner: the report says nothing of inputs and outputs. Only
    /// for choices that look at no samples.
    [[nodiscard]] WhatIf of_weight(LayerId layer, const SchemeChoice& choice) const;

private:
    [[nodiscard]] SchemeChoice complete(LayerId layer, const SchemeChoice& choice) const;
    [[nodiscard]] WhatIf result_of(LayerId layer, WhatIfLayer tried) const;

    std::shared_ptr<const Model> model_;
    std::shared_ptr<const ActivationStats> stats_;
    std::unique_ptr<WhatIfLayers> layers_;
};

/// The weights of one linear as they are, for where nothing is calibrated yet.
[[nodiscard]] StepHistogram weight_histogram(const Model& model, LayerId layer);

} // namespace graticule
