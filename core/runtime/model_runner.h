// Whole-model passes for the verbs, without Torch in sight: logits, losses of windows, and watching the inputs of every
// linear. Blocks are loaded when they are needed; those that fit the memory budget stay for the next chunk.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "core/base/job_context.h"
#include "core/model/model.h"
#include "core/result/quantized_model.h"
#include "core/runtime/device.h"
#include "core/stats/site_statistics.h"
#include "core/tensor/host_tensor.h"

namespace graticule {

class WeightSource;

struct RunnerOptions {
    bool float64 = false;             ///< arithmetic and stored blocks; logits() then returns float64
    std::int64_t chunk_tokens = 8192; ///< tokens that go through the blocks together
    std::int64_t weight_budget = -1;  ///< bytes of blocks kept between chunks; -1: a third of the device's free memory
};

class ModelRunner {
public:
    /// `quantized` null: full precision. With it, its effective weights and its activation schemes are used.
    ModelRunner(std::shared_ptr<const Model> model, std::shared_ptr<const QuantizedModel> quantized, Device device,
                RunnerOptions options = {});
    /// The caller's own weights, full-precision activations.
    ModelRunner(std::shared_ptr<const Model> model, std::shared_ptr<const WeightSource> weights, Device device,
                RunnerOptions options = {});
    ~ModelRunner();

    using Window = std::span<const std::int32_t>;
    /// (rows, tokens, vocabulary), rows of equal length. As the two below, throws Error{bad_input} naming the block
    /// where the values leave the range of float32.
    [[nodiscard]] HostTensor logits(std::span<const Window> rows, JobContext& ctx);
    /// Calls `on_loss` with each window's mean cross entropy (nats), in order. All windows have the same length.
    void window_losses(std::span<const Window> windows, JobContext& ctx, const std::function<void(double)>& on_loss);
    /// Runs the samples block by block, in batches, and hands over each site's statistics when its block is done, in
    /// order. `plan` null: the bare pass, which benchmarks compare with. Advances `ctx` once per sample and block.
    /// Returns the seconds that the statistics took (SiteWatcher::seconds).
    double observe(std::span<const Window> samples, const StatisticsPlan* plan, JobContext& ctx,
                   const std::function<void(SiteStats&&)>& on_site);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace graticule
