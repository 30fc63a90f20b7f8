// What the passes of a ModelRunner have in common: its sides, the blocks that stay or come, memory, waves, failures.
// Private to model_runner.cpp, growing.cpp and observing.cpp.
#pragma once

#include <algorithm>
#include <atomic>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "core/base/error.h"
#include "core/runtime/block_loader.h"
#include "core/runtime/kernel_uses.h"
#include "core/runtime/key_value_cache.h"
#include "core/runtime/model_runner.h"
#include "core/runtime/parameters.h"
#include "core/runtime/predictions.h"
#include "core/runtime/settle_execution.h"
#include "core/runtime/torch_error.h"
#include "core/runtime/weight_source.h"

namespace graticule {

/// One side as it is asked for.
struct SideWeights {
    std::shared_ptr<const WeightSource> source;
    std::string recipe = {}; ///< for messages; empty: nothing is quantized
};

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
        bool out_of_range = false;      ///< ModelRunner::out_of_range
        KernelUses kernels = {};        ///< of what ran so far
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
        for (const auto& side : sides) {
            BlockOperations& operations = block.emplace_back();
            if (side->left) continue;
            operations = side->decoder.prepare(id);
            for (auto& [layer, linear] : operations.linears)
                linear.operation = noted_op(linear, decoder.model().linear(layer), side->kernels);
        }
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
                                           bool watch_errors = false);

    /// Bytes of keys and values of so many tokens, with the room that KeyValueCache has for more.
    [[nodiscard]] std::int64_t cache_bytes(std::int64_t tokens) const;
    /// Logits (vocabulary) behind the text's last token. The tokens that `cache` has seen are not run again, and none is
    /// left in it when they would have to be.
    at::Tensor grow_once(Window text, std::optional<KeyValueCache>& cache, JobContext& ctx);

    /// A result of this window is not finite: if every parameter is, goes through the blocks once more to say where.
    [[noreturn]] void refuse_overflow(std::size_t of, Window window, const std::string& what);

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
    bool ran_out = false;                           ///< of memory: products are smaller than usual
    std::function<bool(std::size_t side)> left_out; ///< null: none ever is
};

} // namespace graticule
