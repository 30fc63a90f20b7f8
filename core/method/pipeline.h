// Quantizes a model block by block: transforms, clipping, rounding, report. No Torch here; the verb calls this.
//
//     QuantizePipeline pipeline(model, stats, choices, device);
//     for (const Block& block : model->blocks()) pipeline.run(block.id, ctx, [&](QuantizedLinear&& linear) { ... });
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/job_context.h"
#include "core/recipe/layer_choices.h"
#include "core/result/quantized_model.h"
#include "core/runtime/device.h"
#include "core/stats/activation_stats.h"

namespace graticule {

/// What a scale search tried at one site; kept for tests and for showing how flat the choice was.
struct SearchTrace {
    std::string site; ///< FoldSite::name
    std::vector<double> ratios, losses;
    double loss_without = 0; ///< of s = 1
    double loss = 0;         ///< of what was chosen
};

struct PipelineOptions {
    /// Device memory for the calibration samples of one pass through a block, in addition to their hidden states; less
    /// of it costs more passes and changes no byte. -1: a quarter of what is free.
    std::int64_t sample_bytes = -1;
    /// Settled. Passes over the samples are computed in its type; folds in float32, or in float64 with it (for tests of
    /// exactness). Quantizers work in float32 all the same.
    Execution execution = {Compute::float32, Arithmetic::simulated};
};

class QuantizePipeline {
public:
    /// `choices`: one per linear, parameters complete; absent: the linear stays as it is. `stats` may be null when no
    /// method needs it.
    QuantizePipeline(std::shared_ptr<const Model> model, std::shared_ptr<const ActivationStats> stats,
                     LayerChoices choices, Device device, const PipelineOptions& options = {});
    /// Another recipe of the same model: device, execution and the sample memory of one are those of the other, and
    /// each block is loaded once where all run it before one runs the next. What comes out is what each gives alone.
    QuantizePipeline(const QuantizePipeline& beside, std::shared_ptr<const ActivationStats> stats,
                     LayerChoices choices);
    ~QuantizePipeline();

    using LinearSink = std::function<void(QuantizedLinear&&)>;
    /// Blocks must be run in order. Hands out each linear as it is done and advances `ctx` by one for it. Those that the
    /// same pipeline has made before, in another process perhaps, are taken from `done` instead of being made again, and
    /// `ctx` does not advance: `choice` need not be in them. Of such a block nothing is searched, solved or scored; but
    /// where a later one looks at samples they have to pass through what it has become, as they did then.
    void run(BlockId block, JobContext& ctx, const LinearSink& sink, std::map<LayerId, QuantizedLinear> done = {});

    /// Before the first block: all linears will come from `done`, so that no samples have to pass.
    void none_to_make();

    /// Float tensors that folding changed so far; see QuantizedModel::replaced.
    [[nodiscard]] std::map<std::string, HostTensor>& replaced();
    [[nodiscard]] const std::vector<SearchTrace>& traces() const;

private:
    class Blocks;
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace graticule
