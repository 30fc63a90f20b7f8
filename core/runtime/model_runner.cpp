#include "core/runtime/model_runner.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "core/base/error.h"
#include "core/runtime/decoder.h"
#include "core/runtime/parameters.h"
#include "core/runtime/site_watcher.h"
#include "core/runtime/torch_error.h"
#include "core/runtime/weight_source.h"

namespace graticule {

struct ModelRunner::Impl {
    Impl(std::shared_ptr<const Model> model, std::shared_ptr<const WeightSource> weights, Device where,
         RunnerOptions chosen)
        : device(std::move(where))
        , options(chosen)
        , decoder(std::move(model), std::move(weights), device,
                  chosen.float64 ? Precision::float64 : Precision::float32)
        , kept(decoder.model().blocks().size()) {
        if (options.weight_budget < 0) options.weight_budget = device.free_bytes() / 3;
    }

    [[nodiscard]] std::int64_t element_bytes() const { return options.float64 ? 8 : 4; }
    [[nodiscard]] std::int64_t all_block_bytes() const {
        return decoder.model().linear_parameter_count() * element_bytes();
    }
    [[nodiscard]] bool everything_stays() const { return all_block_bytes() <= options.weight_budget; }

    /// Rows that go through a block in one call: a card wants as much as there is, a CPU what stays in its caches.
    [[nodiscard]] std::int64_t rows_at_once(std::int64_t tokens, std::int64_t chunk_tokens) const {
        const std::int64_t limit = device.is_cuda() ? chunk_tokens : std::min<std::int64_t>(1024, chunk_tokens);
        return std::max<std::int64_t>(1, limit / tokens);
    }

    /// `keep`: there will be another chunk, so blocks that fit the budget stay.
    BlockOperations block_operations(BlockId id, bool keep) {
        std::optional<BlockOperations>& slot = kept.at(index_of(id));
        if (slot) return *slot;
        BlockOperations operations = decoder.prepare(id);
        const std::int64_t share = all_block_bytes() / static_cast<std::int64_t>(kept.size());
        if (keep && kept_bytes + share <= options.weight_budget) {
            slot = operations;
            kept_bytes += share;
        }
        return operations;
    }

    void forget_blocks() {
        std::fill(kept.begin(), kept.end(), std::nullopt);
        kept_bytes = 0;
        options.weight_budget = 0;
        if (device.is_cuda()) at::getDeviceAllocator(at::kCUDA)->emptyCache();
    }

    /// Hidden states after the last block, one tensor a group of `group` rows.
    std::vector<at::Tensor> through_blocks(std::span<const Window> rows, std::int64_t group, bool keep,
                                           JobContext& ctx) {
        std::vector<at::Tensor> hidden;
        for (std::size_t first = 0; first < rows.size(); first += static_cast<std::size_t>(group))
            hidden.push_back(
                decoder.embed(rows.subspan(first, std::min(static_cast<std::size_t>(group), rows.size() - first))));
        for (const Block& block : decoder.model().blocks()) {
            const BlockOperations operations = block_operations(block.id, keep);
            for (at::Tensor& part : hidden) {
                part = decoder.forward(block.id, operations, part);
                ctx.check_cancelled();
            }
        }
        return hidden;
    }

    /// The parameters are finite, a result of this window is not: goes through the blocks once more to say where.
    [[noreturn]] void refuse_overflow(Window window, const std::string& what) {
        std::string place = "behind the last block";
        at::Tensor hidden = decoder.embed(std::span(&window, 1));
        for (const Block& block : decoder.model().blocks()) {
            hidden = decoder.forward(block.id, block_operations(block.id, false), hidden);
            if (all_finite(hidden)) continue;
            place = "in block " + std::to_string(index_of(block.id));
            break;
        }
        throw Error(ErrorKind::bad_input,
                    what + " not finite: every parameter is, but " + place +
                        " a value leaves the range of float32; the weights are not those of a working model" +
                        (quantized ? ", or its inputs are quantized too coarsely" : ""));
    }

    Device device;
    RunnerOptions options;
    bool quantized = false; ///< for messages
    Decoder decoder;
    std::vector<std::optional<BlockOperations>> kept;
    std::int64_t kept_bytes = 0;
};

ModelRunner::ModelRunner(std::shared_ptr<const Model> model, std::shared_ptr<const QuantizedModel> quantized,
                         Device device, RunnerOptions options)
    : impl_(std::make_unique<Impl>(std::move(model), quantized ? quantized_weights(quantized) : stored_weights(),
                                   std::move(device), options)) {
    impl_->quantized = quantized != nullptr;
}

ModelRunner::ModelRunner(std::shared_ptr<const Model> model, std::shared_ptr<const WeightSource> weights, Device device,
                         RunnerOptions options)
    : impl_(std::make_unique<Impl>(std::move(model), std::move(weights), std::move(device), options)) {}

ModelRunner::~ModelRunner() = default;

HostTensor ModelRunner::logits(std::span<const Window> rows, JobContext& ctx) {
    GRATICULE_ASSERT(!rows.empty(), "no rows");
    return translate_torch_errors("computing logits on " + impl_->device.name(), [&] {
        const TorchScope scope(impl_->device);
        const auto tokens = static_cast<std::int64_t>(rows.front().size());
        const std::int64_t group = impl_->rows_at_once(tokens, impl_->options.chunk_tokens);
        std::vector<at::Tensor> parts;
        std::size_t done = 0;
        for (const at::Tensor& hidden : impl_->through_blocks(rows, group, false, ctx)) {
            const at::Tensor& part = parts.emplace_back(impl_->decoder.logits(hidden).cpu());
            for (std::int64_t i = 0; i < part.size(0); ++i, ++done)
                if (!all_finite(part[i]))
                    impl_->refuse_overflow(rows[done], "the logits of row " + std::to_string(done + 1) + " are");
        }
        return to_host(at::cat(parts));
    });
}

void ModelRunner::window_losses(std::span<const Window> windows, JobContext& ctx,
                                const std::function<void(double)>& on_loss) {
    if (windows.empty()) return;
    const auto tokens = static_cast<std::int64_t>(windows.front().size());
    std::int64_t chunk_tokens = impl_->options.chunk_tokens;
    bool tried_smaller = false;
    std::size_t done = 0;
    while (done < windows.size()) {
        // With every block in memory there is nothing to gain from large chunks, and each window is reported at once.
        const bool stay = impl_->everything_stays() && !impl_->device.is_cuda();
        const std::int64_t group = impl_->rows_at_once(tokens, chunk_tokens);
        const std::int64_t chunk = stay ? group : std::max<std::int64_t>(group, chunk_tokens / tokens);
        const std::size_t count = std::min(static_cast<std::size_t>(chunk), windows.size() - done);
        std::vector<double> losses;
        const auto run_chunk = [&] {
            const TorchScope scope(impl_->device);
            const auto rows = windows.subspan(done, count);
            const bool more = done + count < windows.size();
            const std::vector<at::Tensor> hidden = impl_->through_blocks(rows, group, more || done > 0, ctx);
            for (const at::Tensor& part : hidden) {
                for (std::int64_t i = 0; i < part.size(0); ++i) {
                    const Window ids = rows[losses.size()];
                    losses.push_back(impl_->decoder.window_loss(part.narrow(0, i, 1), ids));
                    if (!std::isfinite(losses.back()))
                        impl_->refuse_overflow(ids, "the loss of window " + std::to_string(done + 1) + " is");
                    ctx.check_cancelled();
                    on_loss(losses.back());
                    ++done;
                }
            }
        };
        try {
            translate_torch_errors("evaluating window " + std::to_string(done + 1) + " of " +
                                       std::to_string(windows.size()) + " on " + impl_->device.name(),
                                   run_chunk);
        } catch (const Error& error) {
            // Out of memory is an ordinary outcome: once more with half of everything, then the message.
            if (error.info().kind != ErrorKind::out_of_memory || tried_smaller) throw;
            tried_smaller = true;
            chunk_tokens = std::max(tokens, chunk_tokens / 2);
            ctx.log("out of memory on " + impl_->device.name() + "; once more with " + std::to_string(chunk_tokens) +
                    " tokens at a time");
            impl_->forget_blocks();
        }
    }
}

double ModelRunner::observe(std::span<const Window> samples, const StatisticsPlan* plan, JobContext& ctx,
                            const std::function<void(SiteStats&&)>& on_site) {
    GRATICULE_ASSERT(!impl_->options.float64, "statistics are of 16 or 32 bits");
    if (samples.empty()) return 0;
    return translate_torch_errors("calibrating on " + impl_->device.name(), [&] {
        const TorchScope scope(impl_->device);
        std::optional<SiteWatcher> watcher;
        if (plan != nullptr) watcher.emplace(*plan, impl_->device);
        // A CPU gains nothing from batches, and one sample at a time stays in its caches.
        const auto tokens = static_cast<std::int64_t>(samples.front().size());
        const auto batch = static_cast<std::size_t>(
            impl_->device.is_cuda() ? impl_->rows_at_once(tokens, impl_->options.chunk_tokens) : 1);
        std::vector<at::Tensor> hidden;
        for (std::size_t first = 0; first < samples.size(); first += batch)
            hidden.push_back(impl_->decoder.embed(samples.subspan(first, std::min(batch, samples.size() - first))));
        for (const Block& block : impl_->decoder.model().blocks()) {
            const BlockOperations operations = impl_->decoder.prepare(block.id);
            std::int64_t first = 0;
            for (at::Tensor& part : hidden) {
                if (watcher) watcher->start_batch(first, part.size(0));
                part = impl_->decoder.forward(block.id, operations, part, watcher ? &*watcher : nullptr);
                first += part.size(0);
                ctx.advance(part.size(0));
            }
            if (!watcher) continue;
            watcher->end_block();
            watcher->deliver(on_site, SiteWatcher::Wait::not_for_the_last);
        }
        if (watcher) watcher->deliver(on_site, SiteWatcher::Wait::for_all);
        std::size_t sample = 0;
        for (const at::Tensor& part : hidden) // a NaN on the way is a NaN at the end
            for (std::int64_t i = 0; i < part.size(0); ++i, ++sample)
                if (!all_finite(part[i]))
                    impl_->refuse_overflow(samples[sample],
                                           "the output of calibration sample " + std::to_string(sample + 1) + " is");
        return watcher ? watcher->seconds() : 0.0;
    });
}

} // namespace graticule
