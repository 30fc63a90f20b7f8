#include <algorithm>
#include <memory>
#include <numeric>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "core/base/byte_text.h"
#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/hold.h"
#include "core/engine/engine.h"
#include "core/engine/peak_memory.h"
#include "core/engine/quantization_journal.h"
#include "core/engine/record_folder.h"
#include "core/engine/run_provenance.h"
#include "core/io/spill_file.h"
#include "core/method/pipeline.h"
#include "core/method/rotation.h"
#include "core/runtime/device.h"
#include "core/runtime/settle_execution.h"

namespace graticule {

namespace {

/// Data, seed and protocol are the calibration's, where the recipe looks at it: the same codes get the same bytes
/// whether or not somebody calibrated for the reports. The model's hash may still be computed: zeros stand for it.
Provenance provenance_of(const Model& model, const ActivationStats* stats, const ResolvedRecipe& resolved,
                         const Device& device, const Execution& execution) {
    const Recipe& recipe = resolved.recipe();
    Provenance provenance;
    if (stats != nullptr && resolved.needs_calibration()) provenance = stats->provenance;
    provenance.model_hash = model.known_hash().value_or(std::string(64, '0'));
    provenance.recipe_hash = recipe_hash(recipe);
    provenance.recipe_line = summary_line(recipe);
    describe_machine(provenance, device);
    if (resolved.needs_calibration()) provenance.execution = to_text(execution);
    provenance.backend = std::string(device.kernels().name());
    return provenance;
}

/// What reports and sizes are made of.
QuantizedLinear without_payload(const QuantizedLinear& linear) {
    QuantizedLinear rest;
    rest.layer = linear.layer;
    rest.choice = linear.choice;
    rest.static_input = linear.static_input;
    rest.static_operands = linear.static_operands;
    rest.kept_channels = linear.kept_channels;
    rest.report = linear.report;
    if (linear.low_rank) // its sizes count
        rest.low_rank =
            LowRank{{.dtype = linear.low_rank->a.dtype, .shape = linear.low_rank->a.shape, .owner = {}, .bytes = {}},
                    {.dtype = linear.low_rank->b.dtype, .shape = linear.low_rank->b.shape, .owner = {}, .bytes = {}}};
    return rest;
}

void check_stats(const Model& model, const ActivationStats* stats, const ResolvedRecipe& resolved) {
    if (stats == nullptr) {
        if (resolved.needs_calibration())
            throw Error(ErrorKind::usage, "the recipe " + summary_line(resolved.recipe()) +
                                              " needs calibration; calibrate the model first");
        return;
    }
    if (stats->sites.size() != model.input_sites().size())
        throw Error(ErrorKind::usage, "the calibration saw " + std::to_string(stats->sites.size()) +
                                          " inputs, but the model has " + std::to_string(model.input_sites().size()) +
                                          "; calibrate this model");
}

/// One recipe on its way through the blocks.
struct Side {
    const QuantizationSide& asked;
    std::shared_ptr<QuantizedModel> result;
    std::unique_ptr<QuantizePipeline> pipeline; ///< null: it was stopped
    std::int64_t linears = 0;                   ///< that are left to do
    std::vector<std::int64_t> in_block = {};    ///< to do and done, by block
};

/// Of each block, those that the recipe quantizes.
std::vector<std::int64_t> linears_by_block(const Model& model, const LayerChoices& choices) {
    std::vector<std::int64_t> counts(model.blocks().size());
    for (const Linear& linear : model.linears())
        if (choices[index_of(linear.id)]) ++counts.at(index_of(linear.block));
    return counts;
}

/// What two quantizations have in common whose blocks are the same bytes. Builds of one version are told apart too.
std::string journal_key(const Provenance& provenance, const ActivationStats* stats, const Execution& execution) {
    std::string text = provenance.model_hash + provenance.recipe_hash + provenance.device + provenance.backend +
                       to_text(execution) + build_stamp();
    for (const auto& [name, version] : provenance.versions) text += name + version;
    if (stats != nullptr) {
        const Provenance& seen = stats->provenance;
        text += seen.data_hash + std::to_string(seen.seed) + seen.device + seen.execution;
        for (const auto& [name, version] : seen.versions) text += name + version;
    }
    return sha256_hex(text);
}

/// The same, as who looks at the journal's file knows it.
std::string side_text(const std::string& model_hash, const Recipe& recipe, const Execution& execution) {
    return model_hash + '/' + recipe_hash(recipe) + '/' + to_text(execution);
}
constexpr char between_sides = '\t';

/// Null where none is wanted, and where there can be none: that is no reason not to quantize.
std::unique_ptr<QuantizationJournal> open_journal(const std::filesystem::path& file, const std::string& key,
                                                  const std::string& of, JobContext& ctx) {
    try {
        std::filesystem::create_directories(file.parent_path());
        return std::make_unique<QuantizationJournal>(file, key, of);
    } catch (const std::exception& problem) {
        ctx.log(std::string("a stopped quantization will begin again: ") + problem.what());
        return nullptr;
    }
}

void end_record(std::unique_ptr<QuantizationJournal>& journal, JobContext& ctx) {
    try {
        journal->end_record();
    } catch (const Error& problem) {
        ctx.log(std::string("stopped from here on, the quantization will begin again: ") + problem.what());
        journal.reset();
    }
}

/// Hands on what one linear has become, or keeps it.
void keep(QuantizedLinear&& linear, QuantizedModel& result, QuantizedSink* sink, SpillFile& spill) {
    auto& slot = result.linears.at(index_of(linear.layer));
    if (sink != nullptr) {
        slot = without_payload(linear);
        sink->take(std::move(linear));
        return;
    }
    slot = std::move(linear);
    const PackedCodes& codes = slot->codes;
    if (!codes.empty()) slot->codes = {spill.keep(codes.bytes()), codes.columns(), codes.bits()};
}

std::vector<std::shared_ptr<const QuantizedModel>> quantize_sides(const std::shared_ptr<const Model>& model,
                                                                  std::span<const QuantizationSide> asked,
                                                                  JobContext& ctx, const SideLayerCallback& on_layer,
                                                                  const QuantizeOptions& where) {
    GRATICULE_ASSERT(!asked.empty(), "nothing to quantize");
    for (const QuantizationSide& side : asked) check_stats(*model, side.stats.get(), side.resolved);
    const WorkClock clock;
    model->start_hashing();
    const PeakMemory memory;
    const Device device = open_device(ctx.device);
    device.start_peak();
    SpillFile spill(where.held_bytes >= 0 ? where.held_bytes : open_device("cpu").free_bytes() / 4);
    PipelineOptions options;
    options.execution = settle_execution(ctx.execution, ctx.device, *model);
    options.sample_bytes = device.free_bytes() / 4 / std::ssize(asked);

    std::vector<Side> sides;
    std::int64_t planned = 0;
    std::string key, of; // of the journal
    for (const QuantizationSide& one : asked) {
        Side& side = sides.emplace_back(Side{one, std::make_shared<QuantizedModel>(), nullptr});
        LayerChoices choices = choices_of(one.resolved);
        side.in_block = linears_by_block(*model, choices);
        side.linears = std::accumulate(side.in_block.begin(), side.in_block.end(), std::int64_t{0});
        planned += side.linears;
        side.result->base = model;
        side.result->recipe = one.resolved.recipe();
        side.result->linears.resize(model->linears().size());
        side.result->head_untied = !model->parts().head && residual_block(choices, *model);
        side.result->provenance = provenance_of(*model, one.stats.get(), one.resolved, device, options.execution);
        side.pipeline =
            sides.size() == 1
                ? std::make_unique<QuantizePipeline>(model, one.stats, std::move(choices), device, options)
                : std::make_unique<QuantizePipeline>(*sides.front().pipeline, one.stats, std::move(choices));
        if (where.journal.empty()) continue;
        Provenance provenance = side.result->provenance;
        provenance.model_hash = model->hash(ctx);
        key += journal_key(provenance, one.stats.get(), options.execution);
        if (!of.empty()) of += between_sides;
        of += side_text(provenance.model_hash, one.resolved.recipe(), options.execution);
    }
    std::unique_ptr<QuantizationJournal> journal; // a record per block and side
    if (!where.journal.empty()) journal = open_journal(where.journal, sha256_hex(key), of, ctx);
    if (where.sink != nullptr) where.sink->begin(*sides.front().result);
    const std::size_t blocks = model->blocks().size(), kept = journal ? journal->records() : 0;
    std::int64_t linears_kept = 0;
    for (std::size_t record = 0; record < kept; ++record) {
        Side& side = sides[record % sides.size()];
        const std::int64_t linears = side.in_block.at(record / sides.size());
        side.linears -= linears;
        linears_kept += linears;
    }
    if (kept > 0)
        ctx.log(std::to_string(kept / sides.size()) + " of " + std::to_string(blocks) +
                " blocks were quantized before; going on behind them");
    // Samples pass through what is kept for the sake of blocks behind it: where there are none, they need not.
    if (kept == blocks * sides.size())
        for (Side& side : sides) side.pipeline->none_to_make();
    const auto begin_quantizing = [&] {
        ctx.progress.begin(sides.size() == 1 ? "Quantizing" : "Quantizing " + std::to_string(sides.size()) + " recipes",
                           planned, linears_kept);
    };
    bool passing = kept > 0; // that takes its time as well, and its pace is another
    if (passing)
        ctx.progress.begin("Taking up what is kept", planned, linears_kept);
    else
        begin_quantizing();
    bool keeps = true; // what is made
    const auto goes_on = [&](Side& side) {
        if (!side.pipeline || side.asked.stop == nullptr || !side.asked.stop->due()) return side.pipeline != nullptr;
        side.pipeline.reset();
        keeps = false; // from here on it would be another pass's
        if (std::ranges::none_of(sides, [](const Side& other) { return other.pipeline != nullptr; })) throw Cancelled();
        ctx.advance(side.linears);
        return false;
    };
    const auto run_block = [&](std::size_t index, const Block& block) {
        Side& side = sides[index];
        const std::size_t record = index_of(block.id) * sides.size() + index;
        const bool done = journal && record < kept;
        if (passing && !done) {
            passing = false;
            begin_quantizing();
        }
        const auto take = [&](QuantizedLinear&& linear) {
            if (!linear.report.not_measured.empty())
                ctx.log("warning: " + linear.report.name + " has no SQNR: " + linear.report.not_measured);
            if (on_layer) on_layer(index, linear.report);
            if (journal && keeps && !done) journal->add(linear);
            keep(std::move(linear), *side.result, where.sink, spill);
            side.linears -= done ? 0 : 1;
        };
        side.pipeline->run(block.id, ctx, take, done ? journal->read(record) : std::map<LayerId, QuantizedLinear>());
        if (journal && keeps && !done) end_record(journal, ctx);
        for (auto& [name, tensor] : std::exchange(side.pipeline->replaced(), {})) {
            if (where.sink != nullptr)
                where.sink->take(name, std::move(tensor));
            else
                side.result->replaced.insert_or_assign(name, spill.keep(std::move(tensor)));
        }
    };
    for (const Block& block : model->blocks())
        for (std::size_t index = 0; index < sides.size(); ++index) {
            if (!goes_on(sides[index])) continue;
            try {
                run_block(index, block);
            } catch (Error& error) {
                if (sides.size() > 1)
                    error.add_context("quantizing under " + summary_line(sides[index].result->recipe));
                throw;
            }
        }
    if (spill.spilled_bytes() > 0)
        ctx.log(std::to_string(spill.spilled_bytes()) +
                " bytes of quantized weights lie in a file without a name, beyond what may stay in memory");
    std::vector<std::shared_ptr<const QuantizedModel>> results;
    for (const Side& side : sides) {
        if (!side.pipeline) {
            results.push_back(nullptr);
            continue;
        }
        QuantizedModel& result = *side.result;
        result.provenance.model_hash = model->hash(ctx);
        result.seconds = clock.seconds();
        result.peak_bytes = memory.bytes();
        result.peak_device_bytes = device.peak_bytes();
        const auto done = std::count_if(result.linears.begin(), result.linears.end(),
                                        [](const auto& linear) { return linear.has_value(); });
        ctx.log("quantized " + std::to_string(done) + " layers: model " + byte_text(result.bytes_before()) + " -> " +
                byte_text(result.size().bytes));
        results.push_back(side.result);
    }
    return results;
}

} // namespace

std::vector<std::shared_ptr<const QuantizedModel>> quantize_together(std::shared_ptr<const Model> model,
                                                                     std::span<const QuantizationSide> sides,
                                                                     JobContext& ctx, const SideLayerCallback& on_layer,
                                                                     const std::filesystem::path& journal) {
    return quantize_sides(model, sides, ctx, on_layer, {.journal = journal});
}

std::shared_ptr<const QuantizedModel> quantize(std::shared_ptr<const Model> model,
                                               std::shared_ptr<const ActivationStats> stats,
                                               const ResolvedRecipe& resolved, JobContext& ctx,
                                               const LayerCallback& on_layer, const QuantizeOptions& options) {
    const QuantizationSide side{resolved, std::move(stats)};
    SideLayerCallback on_side;
    if (on_layer) on_side = [&](std::size_t, const LayerReport& report) { on_layer(report); };
    return quantize_sides(model, std::span(&side, 1), ctx, on_side, options).front();
}

KeptBlocks kept_blocks(const std::filesystem::path& journal) {
    const auto [of, records] = QuantizationJournal::look(journal);
    KeptBlocks blocks{{}, records};
    std::istringstream all(of);
    for (std::string one; std::getline(all, one, between_sides);) blocks.sides.push_back(one);
    return blocks;
}

std::optional<KeptLinears> kept_linears(const KeptBlocks& blocks, const Model& model, const Recipe& recipe,
                                        const Execution& execution) {
    const auto& [sides, records] = blocks;
    const auto hash = sides.empty() ? std::nullopt : model.known_hash();
    if (!hash) return std::nullopt;
    const std::string wanted = side_text(*hash, recipe, execution);
    const auto side = std::ranges::find(sides, wanted);
    const auto resolved = side == sides.end() ? std::nullopt : resolve(recipe, model).resolved;
    if (!resolved) return std::nullopt;
    KeptLinears kept;
    const std::vector<std::int64_t> in_block = linears_by_block(model, choices_of(*resolved));
    for (std::size_t block = 0; block < in_block.size(); ++block) {
        const std::size_t record = block * sides.size() + static_cast<std::size_t>(side - sides.begin());
        if (record < records) kept.linears += in_block[block];
        kept.of += in_block[block];
    }
    return kept;
}

} // namespace graticule
