#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "core/base/error.h"
#include "core/engine/engine.h"
#include "core/engine/peak_memory.h"
#include "core/io/spill_file.h"
#include "core/method/pipeline.h"
#include "core/method/rotation.h"
#include "core/runtime/device.h"
#include "core/runtime/settle_execution.h"

namespace graticule {

namespace {

/// Data, seed and protocol are the calibration's, where the recipe looks at it: the same codes get the same bytes
/// whether or not somebody calibrated for the reports.
Provenance provenance_of(const Model& model, const ActivationStats* stats, const ResolvedRecipe& resolved,
                         const Device& device, const Execution& execution, JobContext& ctx) {
    const Recipe& recipe = resolved.recipe();
    Provenance provenance;
    if (stats != nullptr && resolved.needs_calibration()) provenance = stats->provenance;
    provenance.model_hash = model.hash(ctx);
    provenance.recipe_hash = recipe_hash(recipe);
    provenance.recipe_line = summary_line(recipe);
    provenance.device = device.label();
    if (resolved.needs_calibration()) provenance.execution = to_text(execution);
    provenance.backend = std::string(device.kernels().name());
    provenance.versions = current_versions();
    provenance.versions.emplace_back("libtorch", torch_version());
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

} // namespace

std::shared_ptr<const QuantizedModel> quantize(std::shared_ptr<const Model> model,
                                               std::shared_ptr<const ActivationStats> stats,
                                               const ResolvedRecipe& resolved, JobContext& ctx,
                                               const LayerCallback& on_layer, QuantizedSink* sink,
                                               std::int64_t held_bytes) {
    check_stats(*model, stats.get(), resolved);
    const auto started = std::chrono::steady_clock::now();
    model->start_hashing();
    const PeakMemory memory;
    const Device device = open_device(ctx.device);
    device.start_peak();
    auto result = std::make_shared<QuantizedModel>();
    result->base = model;
    result->recipe = resolved.recipe();
    result->linears.resize(model->linears().size());

    LayerChoices choices = choices_of(resolved);
    const auto planned = std::count_if(choices.begin(), choices.end(), [](const auto& one) { return one.has_value(); });
    ctx.progress.begin("Quantizing", planned);
    SpillFile spill(held_bytes >= 0 ? held_bytes : open_device("cpu").free_bytes() / 4);
    result->head_untied = !model->parts().head && residual_block(choices, *model);
    PipelineOptions options;
    options.execution = settle_execution(ctx.execution, ctx.device, *model);
    QuantizePipeline pipeline(model, stats, std::move(choices), device, options);
    for (const Block& block : model->blocks()) {
        pipeline.run(block.id, ctx, [&](QuantizedLinear&& linear) {
            if (!linear.report.not_measured.empty())
                ctx.log("warning: " + linear.report.name + " has no SQNR: " + linear.report.not_measured);
            if (on_layer) on_layer(linear.report);
            auto& slot = result->linears.at(index_of(linear.layer));
            if (sink == nullptr) {
                slot = std::move(linear);
                const PackedCodes& codes = slot->codes;
                if (!codes.empty()) slot->codes = {spill.keep(codes.bytes()), codes.columns(), codes.bits()};
                return;
            }
            slot = without_payload(linear);
            sink->take(std::move(linear));
        });
        for (auto& [name, tensor] : std::exchange(pipeline.replaced(), {})) {
            if (sink != nullptr)
                sink->take(name, std::move(tensor));
            else
                result->replaced.insert_or_assign(name, spill.keep(std::move(tensor)));
        }
    }
    result->provenance = provenance_of(*model, stats.get(), resolved, device, options.execution, ctx);
    result->seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    result->peak_bytes = memory.bytes();
    result->peak_device_bytes = device.peak_bytes();
    ctx.log("quantized " + std::to_string(planned) + " layers: " + std::to_string(result->bytes_before()) + " -> " +
            std::to_string(result->size().bytes) + " bytes");
    return result;
}

} // namespace graticule
