// Whole-model passes for the verbs, without Torch in sight: logits, losses of windows, and watching the inputs of every
// linear. Blocks are loaded when they are needed; those that fit the memory budget stay for the next chunk.
//
// A runner may have several sides: sets of weights of one model (as stored, and under recipes) that pass each block
// together, each with its own hidden states. What they share of a block is loaded once, and what is measured of a row
// sees the states of all of them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/base/execution.h"
#include "core/base/job_context.h"
#include "core/model/model.h"
#include "core/result/evaluation.h"
#include "core/result/prediction.h"
#include "core/result/quantized_model.h"
#include "core/runtime/device.h"
#include "core/stats/site_statistics.h"
#include "core/tensor/host_tensor.h"

namespace graticule {

class WeightSource;

/// A text whose tokens from `first` on are scored; `first` at least 1.
struct ScoreRequest {
    std::vector<std::int32_t> tokens;
    std::int64_t first = 1;
};

struct RunnerOptions {
    Execution execution;             ///< settled by the runner; with float64, logits() returns float64
    std::int64_t product_tokens = 0; ///< rows of one product; 0: what suits the kind of device. Losses depend on it
    /// Bytes of blocks that stay on the device, and of hidden states that pass a block together; -1: by the free
    /// memory. Losses do not depend on them.
    std::int64_t weight_budget = -1, state_budget = -1;
};

class ModelRunner {
public:
    /// `quantized` null: full precision. With it, its effective weights and its activation schemes are used.
    ModelRunner(std::shared_ptr<const Model> model, std::shared_ptr<const QuantizedModel> quantized, Device device,
                RunnerOptions options = {});
    /// Several sides, at least one.
    ModelRunner(std::shared_ptr<const Model> model, std::span<const std::shared_ptr<const QuantizedModel>> sides,
                Device device, RunnerOptions options = {});
    /// The caller's own weights, full-precision activations.
    ModelRunner(std::shared_ptr<const Model> model, std::shared_ptr<const WeightSource> weights, Device device,
                RunnerOptions options = {});
    ~ModelRunner();

    /// As it is computed: never Compute::automatic.
    [[nodiscard]] const Execution& execution() const;
    /// Whether a hidden state behind the last block was so large that its square left the range of the type: window_losses
    /// says so, and the losses say nothing.
    [[nodiscard]] bool out_of_range(std::size_t side) const;
    /// Tokens of one product, where memory ran out and it went on with fewer than usual; 0: it did not.
    [[nodiscard]] std::int64_t smaller_products() const;
    /// Which kernels the linears of this side run on, as far as they have been used.
    [[nodiscard]] std::vector<KernelUse> kernels(std::size_t side = 0) const;

    using Window = std::span<const std::int32_t>;
    /// (rows, tokens, vocabulary), rows of equal length. As the two below, throws Error{bad_input} naming the block
    /// where the values leave the range of their type.
    [[nodiscard]] HostTensor logits(std::span<const Window> rows, JobContext& ctx);
    /// What every side says of the tokens of each request from its `first` on, each given all tokens before it. Calls
    /// back once per request, not in their order: requests of equal length share products. Throws Error{bad_input} for
    /// a request that scores nothing.
    void score(std::span<const ScoreRequest> requests, JobContext& ctx,
               const std::function<void(std::size_t request, std::span<const TokenPredictions> sides)>& on_scores);
    /// A text that grows to `length` tokens: calls back with the logits (vocabulary) behind its last token and goes on
    /// with the token that comes back, or ends without one. Of a runner with one side. Keys and values of the text so
    /// far are kept, so that a step computes one token; where a recipe rounds over several tokens at once, a later one
    /// changes what the earlier were, and every step runs the whole text. Errors as of logits().
    using NextToken = std::function<std::optional<std::int32_t>(const HostTensor& logits)>;
    void grow(std::vector<std::int32_t> text, std::int64_t length, JobContext& ctx, const NextToken& next);
    /// Calls back with each window's mean cross entropy (nats) over its tokens from `first` on (at least 1) under every
    /// side, in order, beginning with window `from`. All windows have the same length. A side's losses are those that it
    /// has alone, bit for bit.
    void window_losses(std::span<const Window> windows, std::int64_t first, JobContext& ctx,
                       const std::function<void(std::span<const double> losses)>& on_losses, std::size_t from = 0);
    /// The same losses, and what every side says of each of these tokens.
    struct WindowPredictions {
        std::vector<double> losses;
        std::vector<TokenPredictions> sides;
        std::vector<std::vector<LikelyToken>> likely; ///< `likely` of each token, the most likely first
        /// Of every side by block: how far its state behind the block is from the first side's, squared, in parts of
        /// the square of that one's, the mean over tokens.
        std::vector<std::vector<double>> state_errors;
    };
    void window_predictions(std::span<const Window> windows, std::int64_t first, std::int64_t likely, JobContext& ctx,
                            const std::function<void(WindowPredictions&&)>& on_window);
    /// `left(side)` is asked at every step of window_losses. From the first yes on, once and for all, nobody waits for
    /// that side: it passes no further block, and its losses are no numbers. Everything else that is measured is of all
    /// sides, and not asked of a runner that may leave one out.
    void leave_out(std::function<bool(std::size_t side)> left);
    /// Runs the samples block by block, in batches, and hands over each site's statistics when its block is done, in
    /// order; where memory ran out, those that were there once more. `plan` null: the bare pass, which benchmarks compare
    /// with. Advances `ctx` once per sample and block.
    /// Returns the seconds that the statistics took (SiteWatcher::seconds).
    double observe(std::span<const Window> samples, const StatisticsPlan* plan, JobContext& ctx,
                   const std::function<void(SiteStats&&)>& on_site);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace graticule
