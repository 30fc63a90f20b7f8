#include "core/runtime/model_runner.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <deque>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <utility>

#include "core/base/error.h"
#include "core/runtime/block_loader.h"
#include "core/runtime/kernel_uses.h"
#include "core/runtime/key_value_cache.h"
#include "core/runtime/parameters.h"
#include "core/runtime/predictions.h"
#include "core/runtime/settle_execution.h"
#include "core/runtime/site_watcher.h"
#include "core/runtime/torch_error.h"
#include "core/runtime/transfers.h"
#include "core/runtime/weight_source.h"

namespace graticule {

namespace {

struct SideWeights {
    std::shared_ptr<const WeightSource> source;
    std::string recipe = {}; ///< for messages; empty: nothing is quantized
};

SideWeights side_of(const std::shared_ptr<const QuantizedModel>& quantized) {
    return quantized ? SideWeights{quantized_weights(quantized), summary_line(quantized->recipe)}
                     : SideWeights{stored_weights()};
}

/// By side, (sides, rows): see SideStates::state_errors. Token by token, because the first ones of a text may have
/// states a thousand times as long as all others.
at::Tensor state_errors(const std::vector<at::Tensor>& sides) {
    const at::Tensor& first = sides.front(); // (rows, tokens, hidden)
    const at::Tensor squares = first.square().sum(-1, false, at::kDouble).clamp_min_(1e-300);
    std::vector<at::Tensor> errors;
    for (const at::Tensor& side : sides)
        errors.push_back(((side - first).square_().sum(-1, false, at::kDouble) / squares).mean(-1));
    return at::stack(errors);
}

} // namespace

struct ModelRunner::Impl {
    Impl(const std::shared_ptr<const Model>& model, std::vector<SideWeights> weights, Device where,
         RunnerOptions chosen)
        : device(std::move(where))
        , options(chosen)
        , execution(settle_execution(chosen.execution, device.name(), *model))
        , sides(make_sides(model, std::move(weights), device, execution))
        , decoder(sides.front()->decoder)
        , loader(device, [this](BlockId id) { return prepare(id); })
        , kept(decoder.model().blocks().size()) {
        // Rows of one product follow from the protocol alone, never from memory, so that its figures do: a card wants
        // as many as fill it, a CPU what stays in its caches.
        if (options.product_tokens == 0) options.product_tokens = device.is_cuda() ? 16384 : 1024;
    }

    /// One set of weights of the model.
    struct Side {
        std::string recipe; ///< SideWeights::recipe
        Decoder decoder;
        std::atomic<bool> left = false; ///< leave_out(); the thread that loads blocks looks as well
        /// By name and the reason why it is no integer product, of what was prepared so far.
        KernelUses kernels = {};
    };
    using Sides = std::vector<std::unique_ptr<Side>>;
    [[nodiscard]] static Sides make_sides(const std::shared_ptr<const Model>& model, std::vector<SideWeights> weights,
                                          const Device& device, const Execution& execution) {
        GRATICULE_ASSERT(!weights.empty(), "nothing to run");
        Sides sides;
        for (SideWeights& side : weights)
            sides.push_back(std::unique_ptr<Side>(
                sides.empty()
                    ? new Side{std::move(side.recipe), Decoder(model, std::move(side.source), device, execution)}
                    : new Side{std::move(side.recipe), Decoder(sides.front()->decoder, std::move(side.source))}));
        return sides;
    }
    /// One block as every side has it; of one that was left, nothing.
    using SidesOfBlock = std::vector<BlockOperations>;
    [[nodiscard]] SidesOfBlock prepare(BlockId id) const {
        SidesOfBlock block;
        for (const auto& side : sides) block.push_back(side->left ? BlockOperations() : side->decoder.prepare(id));
        return block;
    }
    [[nodiscard]] bool goes_on(std::size_t side) {
        if (!sides[side]->left && left_out && left_out(side)) sides[side]->left = true;
        return !sides[side]->left;
    }

    [[nodiscard]] std::size_t block_count() const { return kept.size(); }
    [[nodiscard]] std::int64_t rows_at_once(std::int64_t tokens) const {
        return std::max<std::int64_t>(1, options.product_tokens / tokens);
    }
    /// Of all sides.
    [[nodiscard]] std::int64_t state_bytes(std::int64_t tokens) const {
        return std::ssize(sides) * tokens * decoder.model().config().hidden *
               static_cast<std::int64_t>(c10::elementSize(decoder.state_type()));
    }
    /// What one product's rows need beside their states: norms, a module's inner values, a chunk of every
    /// side's logits.
    [[nodiscard]] std::int64_t working_bytes(std::int64_t tokens) const {
        const ModelConfig& config = decoder.model().config();
        return tokens * (10 * config.hidden + 4 * config.mlp_hidden) * 4 + ((1 + std::ssize(sides)) << 30);
    }

    /// Decides, once for this runner, how many bytes of blocks stay and how many of states are there at a time.
    void budget_memory(std::span<const Window> rows) {
        if (states_budget >= 0) return;
        for (const auto& side : sides) side->decoder.load_outer();
        std::int64_t longest = 0, all = 0;
        for (const Window& row : rows) {
            longest = std::max(longest, static_cast<std::int64_t>(row.size()));
            all += static_cast<std::int64_t>(row.size());
        }
        if (device.is_cuda()) at::getDeviceAllocator(at::kCUDA)->emptyCache(); // what earlier work left is free too
        std::int64_t free = device.free_bytes();
        if (device.is_cuda()) free = std::max<std::int64_t>(0, free - working_bytes(rows_at_once(longest) * longest));
        states_budget = options.state_budget >= 0 ? options.state_budget : std::min(state_bytes(all), free / 4);
        weight_budget = options.weight_budget >= 0 ? options.weight_budget
                        : device.is_cuda()         ? free - states_budget
                                                   : free / 3;
    }
    [[nodiscard]] bool everything_stays() const {
        return block_share * static_cast<std::int64_t>(block_count()) <= weight_budget;
    }
    /// Rows of one product: neighbours of equal length.
    using Part = std::span<const Window>;
    [[nodiscard]] std::vector<Part> parts_of(std::span<const Window> rows) const {
        std::vector<Part> parts;
        while (!rows.empty()) {
            const std::size_t tokens = rows.front().size();
            const auto most = static_cast<std::size_t>(rows_at_once(static_cast<std::int64_t>(tokens)));
            std::size_t count = 1;
            while (count < std::min(most, rows.size()) && rows[count].size() == tokens) ++count;
            parts.push_back(rows.first(count));
            rows = rows.subspan(count);
        }
        return parts;
    }

    /// How many of the parts pass a block before the next one is needed: with every block at hand there is nothing to
    /// gain from more than one, and each row is reported at once.
    [[nodiscard]] std::size_t wave_of(std::span<const Part> parts, JobContext& ctx) {
        if (block_share == 0) {
            block_share =
                std::max<std::int64_t>(1, block_bytes(*next_block(decoder.model().blocks().front().id, true)));
            // Beside those that stay, one is computed with and one is on its way.
            if (!everything_stays() && options.weight_budget < 0) weight_budget -= 2 * block_share;
        }
        if (everything_stays()) return 1;
        std::size_t count = 0;
        for (std::int64_t bytes = 0; count < parts.size(); ++count) {
            const Part& part = parts[count];
            bytes += state_bytes(static_cast<std::int64_t>(part.size() * part.front().size()));
            if (count > 0 && bytes > states_budget) break;
        }
        if (!std::exchange(told_waves, true))
            ctx.log(std::to_string(std::max<std::int64_t>(0, weight_budget / block_share)) + " of " +
                    std::to_string(block_count()) + " blocks stay on " + device.name() +
                    ", the others are loaded again for every " + std::to_string(count * parts.front().size()) +
                    " rows");
        return count;
    }

    /// What sides share is counted for each of them: too much at worst.
    [[nodiscard]] static std::int64_t block_bytes(const SidesOfBlock& block) {
        std::int64_t bytes = 0;
        for (const BlockOperations& operations : block)
            for (const auto& [layer, linear] : operations.linears) bytes += linear.operation->device_bytes();
        return bytes;
    }

    /// The first block after this one that has to be loaded; `more`: there will be another pass.
    [[nodiscard]] std::optional<BlockId> next_to_load(BlockId after, bool more) const {
        for (std::size_t i = index_of(after) + 1; i < block_count(); ++i)
            if (!kept[i]) return decoder.model().blocks()[i].id;
        if (!more) return std::nullopt;
        for (std::size_t i = 0; i <= index_of(after); ++i)
            if (!kept[i]) return decoder.model().blocks()[i].id;
        return std::nullopt;
    }

    /// Blocks are asked for in order. One that fits the budget stays; the next that has to come is on its way.
    /// `keep`: it may be asked for again; `more`: it will be, by a pass after this one.
    std::shared_ptr<const SidesOfBlock> next_block(BlockId id, bool keep, bool more = false) {
        if (const auto& there = kept.at(index_of(id))) return there;
        if (passing && passing_id == id) return passing;
        if (loader.started() != id) {
            loader.reset();
            loader.start(id);
        }
        auto block = loader.take();
        passing_id = id;
        passing = block; // gives up the block before: only now, see BlockLoader
        for (std::size_t side = 0; side < sides.size(); ++side)
            for (const auto& [layer, linear] : block->at(side).linears)
                sides[side]->kernels.add(linear, decoder.model().linear(layer).role);
        const std::int64_t bytes = block_bytes(*block);
        if (keep && kept_bytes + bytes <= weight_budget) {
            kept[index_of(id)] = block;
            kept_bytes += bytes;
        }
        if (const auto next = next_to_load(id, more)) loader.start(*next);
        return block;
    }

    void halve_products() {
        loader.reset();
        passing.reset();
        std::fill(kept.begin(), kept.end(), nullptr);
        kept_bytes = 0;
        weight_budget = 0;
        options.product_tokens = std::max<std::int64_t>(1, options.product_tokens / 2);
        states_budget /= 2;
        if (device.is_cuda()) at::getDeviceAllocator(at::kCUDA)->emptyCache();
    }

    /// Of one part: hidden states of each side, undefined where it was left, and with them, where they are watched, by
    /// block (sides, rows) of SideStates::state_errors.
    struct PartStates {
        std::vector<at::Tensor> sides;
        std::vector<at::Tensor> errors;
    };
    /// After the last block, for each part; `keep` and `more` as in next_block.
    std::vector<PartStates> through_blocks(std::span<const Part> parts, bool keep, bool more, JobContext& ctx,
                                           bool watch_errors = false) {
        std::vector<PartStates> hidden;
        for (const Part& part : parts) {
            PartStates& states = hidden.emplace_back();
            for (std::size_t side = 0; side < sides.size(); ++side)
                states.sides.push_back(goes_on(side) ? sides[side]->decoder.embed(part) : at::Tensor());
        }
        for (const Block& block : decoder.model().blocks()) {
            const auto loaded = next_block(block.id, keep, more);
            for (PartStates& states : hidden) {
                for (std::size_t side = 0; side < sides.size(); ++side) {
                    at::Tensor& state = states.sides[side];
                    state =
                        goes_on(side) ? sides[side]->decoder.forward(block.id, loaded->at(side), state) : at::Tensor();
                    ctx.check_cancelled();
                }
                if (watch_errors) states.errors.push_back(state_errors(states.sides));
            }
        }
        return hidden;
    }

    /// Bytes of keys and values of so many tokens, with the room that KeyValueCache has for more.
    [[nodiscard]] std::int64_t cache_bytes(std::int64_t tokens) const {
        const ModelConfig& config = decoder.model().config();
        return 3 * tokens * std::ssize(kept) * config.kv_heads * config.head_dim *
               static_cast<std::int64_t>(c10::elementSize(decoder.type()));
    }

    /// Logits (vocabulary) behind the text's last token. The tokens that `cache` has seen are not run again, and none is
    /// left in it when they would have to be.
    at::Tensor grow_once(Window text, std::optional<KeyValueCache>& cache, JobContext& ctx) {
        if (cache && !decoder.same_positions(cache->tokens(), std::ssize(text))) cache.emplace();
        const std::int64_t seen = cache ? cache->tokens() : 0;
        const Window rest = text.subspan(static_cast<std::size_t>(seen));
        at::Tensor hidden = decoder.embed(std::span(&rest, 1), seen);
        bool keeps = true;
        for (const Block& block : decoder.model().blocks()) {
            const BlockOperations& operations = next_block(block.id, true, true)->front();
            keeps = keeps && token_by_token(operations);
            hidden = decoder.forward(block.id, operations, hidden, nullptr, cache ? &*cache : nullptr);
            ctx.check_cancelled();
        }
        if (!keeps) cache.reset();
        return decoder.logits(hidden.narrow(1, hidden.size(1) - 1, 1)).flatten();
    }

    /// A result of this window is not finite: if every parameter is, goes through the blocks once more to say where.
    [[noreturn]] void refuse_overflow(std::size_t of, Window window, const std::string& what) {
        const Side& side = *sides.at(of);
        loader.reset();
        side.decoder.verify_parameters();
        std::string place = "behind the last block";
        at::Tensor hidden = side.decoder.embed(std::span(&window, 1));
        for (const Block& block : decoder.model().blocks()) {
            hidden = side.decoder.forward(block.id, next_block(block.id, false)->at(of), hidden);
            if (all_finite(hidden)) continue;
            place = "in block " + std::to_string(index_of(block.id));
            break;
        }
        const bool quantized = !side.recipe.empty();
        throw Error(ErrorKind::bad_input, decoder.model().parts().path.string() + ": " + what + " not finite" +
                                              (quantized && sides.size() > 1 ? " under " + side.recipe : "") +
                                              ": every parameter is, but " + place + " a value leaves the range of " +
                                              std::string(to_text(execution.compute)) +
                                              "; the weights are not those of a working model" +
                                              (quantized ? ", or its inputs are quantized too coarsely" : ""));
    }

    /// For what one set of weights is asked.
    void check_one_side() const { GRATICULE_ASSERT(sides.size() == 1, "asked of several sides at once"); }
    /// For what is told of every side.
    void check_all_stay() const { GRATICULE_ASSERT(!left_out, "only losses go on without a side"); }

    /// What is wanted of one row: from the hidden states (1, tokens, hidden) that each side has of it, on the device;
    /// undefined where the side was left.
    using Measure = std::function<at::Tensor(std::span<const SideStates> sides, std::size_t row)>;
    /// The same on the host, row after row.
    using Report = std::function<void(std::size_t row, const at::Tensor& measured)>;
    void measure_rows(std::span<const Window> rows, const std::string& what, JobContext& ctx, const Measure& measure,
                      const Report& report, bool watch_errors = false, std::size_t from = 0);
    /// Out of memory is an ordinary outcome: once more with half of everything, then the message. `what` is being done
    /// is asked when it fails.
    void twice_if_needed(JobContext& ctx, const std::function<std::string()>& what,
                         const std::function<void(bool smaller)>& pass);
    /// See ModelRunner::observe. `advanced`: samples and blocks that were reported to `ctx`.
    double observe_all(std::span<const Window> samples, const StatisticsPlan* plan, JobContext& ctx,
                       std::int64_t& advanced, bool states_on_host, const std::function<void(SiteStats&&)>& on_site);
    void check_losses(std::span<const double> losses, std::size_t window, Window ids);
    void measure_from(std::span<const Window> rows, std::size_t& done, JobContext& ctx, const Measure& measure,
                      const Report& report, bool watch_errors);

    Device device;
    RunnerOptions options;
    Execution execution;
    Sides sides;
    const Decoder& decoder; ///< the first side's, for what all have in common
    BlockLoader<SidesOfBlock> loader;
    std::vector<std::shared_ptr<const SidesOfBlock>> kept; ///< null: not loaded, or does not stay
    std::shared_ptr<const SidesOfBlock> passing;           ///< the block that was loaded last
    BlockId passing_id{};
    std::int64_t kept_bytes = 0;
    std::int64_t weight_budget = 0, states_budget = -1; ///< bytes; the second -1: not decided
    std::int64_t block_share = 0;                       ///< bytes of a block of all sides; 0: not known yet
    bool told_waves = false;
    std::function<bool(std::size_t side)> left_out; ///< null: none ever is
};

ModelRunner::ModelRunner(std::shared_ptr<const Model> model, std::shared_ptr<const QuantizedModel> quantized,
                         Device device, RunnerOptions options)
    : ModelRunner(std::move(model), std::span(&quantized, 1), std::move(device), options) {}

ModelRunner::ModelRunner(std::shared_ptr<const Model> model,
                         std::span<const std::shared_ptr<const QuantizedModel>> sides, Device device,
                         RunnerOptions options) {
    std::vector<SideWeights> weights;
    for (const auto& side : sides) weights.push_back(side_of(side));
    impl_ = std::make_unique<Impl>(model, std::move(weights), std::move(device), options);
}

ModelRunner::ModelRunner(std::shared_ptr<const Model> model, std::shared_ptr<const WeightSource> weights, Device device,
                         RunnerOptions options)
    : impl_(std::make_unique<Impl>(model, std::vector{SideWeights{std::move(weights)}}, std::move(device), options)) {}

ModelRunner::~ModelRunner() = default;

const Execution& ModelRunner::execution() const { return impl_->execution; }

std::vector<KernelUse> ModelRunner::kernels(std::size_t side) const { return impl_->sides.at(side)->kernels.list(); }

HostTensor ModelRunner::logits(std::span<const Window> rows, JobContext& ctx) {
    GRATICULE_ASSERT(!rows.empty(), "no rows");
    impl_->check_one_side();
    impl_->check_all_stay();
    return translate_torch_errors("computing logits on " + impl_->device.name(), [&] {
        const TorchScope scope(impl_->device);
        std::vector<at::Tensor> parts;
        std::size_t done = 0;
        for (const auto& hidden : impl_->through_blocks(impl_->parts_of(rows), false, false, ctx)) {
            const at::Tensor& part = parts.emplace_back(impl_->decoder.logits(hidden.sides.front()).cpu());
            for (std::int64_t i = 0; i < part.size(0); ++i, ++done)
                if (!all_finite(part[i]))
                    impl_->refuse_overflow(0, rows[done], "the logits of row " + std::to_string(done + 1) + " are");
        }
        impl_->decoder.verify_parameters();
        return to_host(at::cat(parts));
    });
}

void ModelRunner::grow(std::vector<std::int32_t> text, std::int64_t length, JobContext& ctx, const NextToken& next) {
    impl_->check_one_side();
    translate_torch_errors("continuing a text on " + impl_->device.name(), [&] {
        const TorchScope scope(impl_->device);
        const std::vector<std::int32_t> grown(static_cast<std::size_t>(length)); // what there has to be memory for
        const Window row(grown);
        impl_->budget_memory(std::span(&row, 1));
        if (impl_->options.weight_budget < 0) impl_->weight_budget -= impl_->cache_bytes(length);
        static_cast<void>(impl_->wave_of(std::array{Impl::Part(&row, 1)}, ctx)); // decides how many blocks stay
        std::optional<KeyValueCache> cache(std::in_place);
        while (std::ssize(text) < length) {
            const at::Tensor logits = impl_->grow_once(text, cache, ctx);
            if (!all_finite(logits))
                impl_->refuse_overflow(0, text, "the logits behind token " + std::to_string(text.size()) + " are");
            impl_->decoder.verify_parameters();
            const auto token = next(to_host(logits));
            if (!token) break;
            text.push_back(*token);
        }
    });
}

/// Waves of rows pass block after block. On a card what is measured of one wave is waited for when the next has been
/// queued, so that the card never waits for the host.
void ModelRunner::Impl::measure_from(std::span<const Window> rows, std::size_t& done, JobContext& ctx,
                                     const Measure& measure, const Report& report, bool watch_errors) {
    budget_memory(rows);
    const std::vector<Part> all = parts_of(rows.subspan(done));
    std::deque<Arrival> arriving;
    const auto report_next = [&] {
        const at::Tensor& measured = arriving.front().wait();
        report(done, measured);
        arriving.pop_front();
        ++done;
        ctx.check_cancelled();
    };
    for (std::span<const Part> left(all); !left.empty();) {
        const std::span<const Part> wave = left.first(wave_of(left, ctx));
        // A card's memory is there to be filled: blocks that fit stay for the next call too. A CPU has them in its
        // files.
        const bool more = wave.size() < left.size(), keep = more || left.size() < all.size() || device.is_cuda();
        left = left.subspan(wave.size());
        const std::size_t earlier = arriving.size();
        std::vector<PartStates> hidden = through_blocks(wave, keep, more, ctx, watch_errors);
        for (std::size_t i = 0; i < wave.size(); ++i) {
            for (std::size_t row = 0; row < wave[i].size(); ++row) {
                std::vector<SideStates> states;
                at::Tensor errors; // (sides, blocks) of this row
                if (watch_errors) errors = at::stack(hidden[i].errors, 1).select(2, static_cast<std::int64_t>(row));
                for (std::size_t side = 0; side < sides.size(); ++side)
                    states.push_back({&sides[side]->decoder,
                                      hidden[i].sides[side].defined()
                                          ? hidden[i].sides[side].narrow(0, static_cast<std::int64_t>(row), 1)
                                          : at::Tensor(),
                                      watch_errors ? errors[static_cast<std::int64_t>(side)] : at::Tensor()});
                arriving.emplace_back(measure(states, done + arriving.size()));
                if (!device.is_cuda()) report_next();
            }
            hidden[i] = {};
        }
        for (std::size_t i = 0; i < earlier; ++i) report_next();
    }
    while (!arriving.empty()) report_next();
    decoder.verify_parameters(); // of all sides, which share what loads them
}

void ModelRunner::Impl::measure_rows(std::span<const Window> rows, const std::string& what, JobContext& ctx,
                                     const Measure& measure, const Report& report, bool watch_errors,
                                     std::size_t from) {
    std::size_t done = from;
    twice_if_needed(
        ctx,
        [&] {
            return "evaluating " + what + " " + std::to_string(done + 1) + " of " + std::to_string(rows.size()) +
                   " on " + device.name();
        },
        [&](bool) {
            if (done < rows.size()) measure_from(rows, done, ctx, measure, report, watch_errors);
        });
}

void ModelRunner::Impl::twice_if_needed(JobContext& ctx, const std::function<std::string()>& what,
                                        const std::function<void(bool smaller)>& pass) {
    const auto attempt = [&](bool smaller) {
        const TorchScope scope(device);
        try {
            pass(smaller);
        } catch (...) {
            rethrow_as_error(what());
        }
    };
    try {
        attempt(false);
    } catch (const Error& error) {
        if (error.info().kind != ErrorKind::out_of_memory) throw;
        halve_products();
        ctx.log("out of memory on " + device.name() + "; once more with " + std::to_string(options.product_tokens) +
                " tokens per product, so the last digits of later results may differ");
        attempt(true);
    }
}

void ModelRunner::Impl::check_losses(std::span<const double> losses, std::size_t window, Window ids) {
    for (std::size_t side = 0; side < losses.size(); ++side)
        if (!std::isfinite(losses[side]) && !sides[side]->left)
            refuse_overflow(side, ids, "the loss of window " + std::to_string(window + 1) + " is");
}

void ModelRunner::window_losses(std::span<const Window> windows, std::int64_t first, JobContext& ctx,
                                const std::function<void(std::span<const double> losses)>& on_losses,
                                std::size_t from) {
    impl_->measure_rows(
        windows, "window", ctx,
        [&](std::span<const SideStates> sides, std::size_t window) {
            std::vector<at::Tensor> losses;
            const Window targets = windows[window].subspan(static_cast<std::size_t>(first));
            const auto none = at::full({}, std::numeric_limits<double>::quiet_NaN(),
                                       at::TensorOptions(at::kDouble).device(torch_device(impl_->device)));
            for (const SideStates& side : sides)
                losses.push_back(side.hidden.defined() ? mean_loss(side, first - 1, targets) : none);
            return at::stack(losses);
        },
        [&](std::size_t window, const at::Tensor& measured) {
            const std::span<const double> losses(measured.const_data_ptr<double>(), impl_->sides.size());
            impl_->check_losses(losses, window, windows[window]);
            on_losses(losses);
        },
        false, from);
}

void ModelRunner::leave_out(std::function<bool(std::size_t side)> left) { impl_->left_out = std::move(left); }

void ModelRunner::window_losses(std::span<const Window> windows, JobContext& ctx,
                                const std::function<void(double)>& on_loss) {
    impl_->check_one_side();
    window_losses(windows, 1, ctx, [&](std::span<const double> losses) { on_loss(losses.front()); });
}

namespace {

/// Of `predict`, on the host.
std::vector<TokenPredictions> predictions_of(const at::Tensor& measured, std::span<const std::int32_t> targets) {
    std::vector<TokenPredictions> sides(static_cast<std::size_t>(measured.size(0)));
    const auto* values = measured.const_data_ptr<double>();
    const std::size_t count = targets.size(), columns = static_cast<std::size_t>(measured.size(1));
    for (TokenPredictions& side : sides) {
        for (std::size_t i = 0; i < count; ++i)
            side.push_back({targets[i], static_cast<std::int32_t>(values[count + i]), static_cast<float>(values[i]),
                            static_cast<float>(values[2 * count + i])});
        values += columns * count;
    }
    return sides;
}

std::vector<std::vector<LikelyToken>> likely_of(const at::Tensor& measured) {
    const std::int64_t likely = (measured.size(1) - 3) / 2, tokens = measured.size(2);
    std::vector<std::vector<LikelyToken>> sides;
    for (std::int64_t side = 0; side < measured.size(0); ++side) {
        const auto* ids = measured[side].const_data_ptr<double>() + 3 * tokens;
        const auto* probabilities = ids + likely * tokens;
        auto& all = sides.emplace_back();
        for (std::int64_t i = 0; i < tokens; ++i)
            for (std::int64_t rank = 0; rank < likely; ++rank)
                all.push_back({static_cast<std::int32_t>(ids[rank * tokens + i]),
                               static_cast<float>(probabilities[rank * tokens + i])});
    }
    return sides;
}

} // namespace

void ModelRunner::window_predictions(std::span<const Window> windows, std::int64_t first, std::int64_t likely,
                                     JobContext& ctx, const std::function<void(WindowPredictions&&)>& on_window) {
    impl_->check_all_stay();
    const auto targets = [&](std::size_t window) { return windows[window].subspan(static_cast<std::size_t>(first)); };
    impl_->measure_rows(
        windows, "window", ctx,
        [&](std::span<const SideStates> sides, std::size_t window) {
            std::vector<at::Tensor> parts = {predict(sides, first - 1, targets(window), likely).flatten()};
            for (const SideStates& side : sides) parts.push_back(side.state_errors);
            return at::cat(parts); // what waits for a card is one tensor
        },
        [&](std::size_t window, const at::Tensor& all) {
            WindowPredictions result;
            const std::int64_t scored = std::ssize(targets(window)), sides = std::ssize(impl_->sides);
            const std::int64_t columns = 3 + 2 * likely;
            const at::Tensor measured = all.narrow(0, 0, sides * columns * scored).view({sides, columns, scored});
            const auto blocks = static_cast<std::int64_t>(impl_->block_count());
            const auto* errors = all.const_data_ptr<double>() + measured.numel();
            for (std::int64_t side = 0; side < sides; ++side, errors += blocks)
                result.state_errors.emplace_back(errors, errors + blocks);
            // Sums of numbers of 24 bits in 53: exact, in whatever order.
            for (std::int64_t side = 0; side < measured.size(0); ++side)
                result.losses.push_back(measured[side][0].mean().item<double>());
            impl_->check_losses(result.losses, window, windows[window]);
            result.sides = predictions_of(measured, targets(window));
            result.likely = likely_of(measured);
            on_window(std::move(result));
        },
        true);
}

void ModelRunner::score(
    std::span<const ScoreRequest> requests, JobContext& ctx,
    const std::function<void(std::size_t request, std::span<const TokenPredictions> sides)>& on_scores) {
    impl_->check_all_stay();
    for (const ScoreRequest& request : requests)
        if (request.first < 1 || std::cmp_greater_equal(request.first, request.tokens.size()))
            throw Error(ErrorKind::bad_input,
                        "a request of " + std::to_string(request.tokens.size()) +
                            " tokens cannot be scored from token " + std::to_string(request.first) +
                            " on: the first token follows nothing, and at least one must be left");
    std::vector<std::size_t> order(requests.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    // Equal lengths side by side, the longest first: what does not fit is known at once.
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return requests[a].tokens.size() > requests[b].tokens.size();
    });
    std::vector<Window> rows; // without their last token, from which nothing is predicted
    for (const std::size_t index : order)
        rows.push_back(Window(requests[index].tokens).first(requests[index].tokens.size() - 1));
    const auto targets_of = [&](std::size_t row) {
        const ScoreRequest& request = requests[order[row]];
        return Window(request.tokens).subspan(static_cast<std::size_t>(request.first));
    };
    impl_->measure_rows(
        rows, "request", ctx,
        [&](std::span<const SideStates> sides, std::size_t row) {
            return predict(sides, requests[order[row]].first - 1, targets_of(row));
        },
        [&](std::size_t row, const at::Tensor& measured) {
            for (std::int64_t side = 0; side < measured.size(0); ++side)
                if (!all_finite(measured[side][0]))
                    impl_->refuse_overflow(static_cast<std::size_t>(side), rows[row],
                                           "the scores of request " + std::to_string(order[row] + 1) + " are");
            on_scores(order[row], predictions_of(measured, targets_of(row)));
        });
}

double ModelRunner::observe(std::span<const Window> samples, const StatisticsPlan* plan, JobContext& ctx,
                            const std::function<void(SiteStats&&)>& on_site) {
    impl_->check_one_side();
    if (samples.empty()) return 0;
    double seconds = 0;
    std::int64_t advanced = 0; // what is run once more does not count again
    impl_->twice_if_needed(
        ctx, [&] { return "calibrating on " + impl_->device.name(); },
        [&](bool smaller) { seconds = impl_->observe_all(samples, plan, ctx, advanced, smaller, on_site); });
    return seconds;
}

double ModelRunner::Impl::observe_all(std::span<const Window> samples, const StatisticsPlan* plan, JobContext& ctx,
                                      std::int64_t& advanced, bool states_on_host,
                                      const std::function<void(SiteStats&&)>& on_site) {
    std::optional<SiteWatcher> watcher;
    if (plan != nullptr) watcher.emplace(*plan, device);
    const auto away = [&](const at::Tensor& states) { return states_on_host ? states.cpu() : states; };
    // A CPU gains nothing from batches, and one sample at a time stays in its caches.
    const auto tokens = static_cast<std::int64_t>(samples.front().size());
    const auto batch = static_cast<std::size_t>(device.is_cuda() ? rows_at_once(tokens) : 1);
    std::vector<at::Tensor> hidden;
    for (std::size_t first = 0; first < samples.size(); first += batch)
        hidden.push_back(away(decoder.embed(samples.subspan(first, std::min(batch, samples.size() - first)))));
    std::int64_t passed = 0;
    for (const Block& block : decoder.model().blocks()) {
        const auto loaded = next_block(block.id, false);
        std::int64_t first = 0;
        for (at::Tensor& part : hidden) {
            if (watcher) watcher->start_batch(first, part.size(0));
            part = away(decoder.forward(block.id, loaded->front(), part.to(torch_device(device)),
                                        watcher ? &*watcher : nullptr));
            first += part.size(0);
            passed += part.size(0);
            ctx.advance(std::max<std::int64_t>(0, passed - advanced));
            advanced = std::max(advanced, passed);
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
                refuse_overflow(0, samples[sample],
                                "the output of calibration sample " + std::to_string(sample + 1) + " is");
    decoder.verify_parameters();
    return watcher ? watcher->seconds() : 0.0;
}

} // namespace graticule
