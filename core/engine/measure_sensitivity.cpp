#include "core/engine/measure_sensitivity.h"

#include <algorithm>
#include <functional>

#include "core/base/hold.h"
#include "core/engine/execution_scope.h"
#include "core/engine/run_provenance.h"
#include "core/result/divergence.h"
#include "core/runtime/device.h"
#include "core/runtime/predicted_damage.h"

namespace graticule {

namespace {

using Quantized = std::shared_ptr<const QuantizedModel>;

void check_candidate(const Quantized& quantized) {
    if (!quantized->replaced.empty())
        throw Error(ErrorKind::unsupported, summary_line(quantized->recipe) + " changes tensors beside the linears (" +
                                                quantized->replaced.begin()->first +
                                                "), so that none can be quantized alone; leave its smoothing or "
                                                "rotation out");
}

/// The model with these linears quantized and no others.
Quantized alone(const Quantized& quantized, const std::vector<LayerId>& layers) {
    auto one = std::make_shared<QuantizedModel>();
    one->base = quantized->base;
    one->recipe = quantized->recipe;
    one->linears.resize(quantized->linears.size());
    for (const LayerId layer : layers) one->linears[index_of(layer)] = quantized->linears[index_of(layer)];
    one->provenance = quantized->provenance;
    return one;
}

bool rounds_attention(const QuantScheme& scheme) {
    return std::ranges::any_of(operand_names(), [&](const OperandName& row) {
        return row.operand != Operand::weight && row.operand != Operand::input && scheme[row.operand];
    });
}

bool changes(const Quantized& quantized, const std::vector<LayerId>& layers) {
    return std::ranges::any_of(layers, [&](LayerId layer) { return quantized->linears[index_of(layer)].has_value(); });
}

/// Of a scheme and one of its layers.
struct Place {
    std::size_t scheme = 0, layer = 0;
};

constexpr std::size_t layers_per_pass = 8;

} // namespace

std::shared_ptr<Sensitivity> predict_sensitivity(std::shared_ptr<const Model> model, std::span<const Quantized> schemes,
                                                 const Tokenizer& tokenizer, const Corpus& corpus,
                                                 const SensitivitySpec& spec, JobContext& ctx) {
    for (const Quantized& quantized : schemes) {
        check_candidate(quantized);
        if (rounds_attention(quantized->recipe.defaults.scheme))
            ctx.log("warning: " + summary_line(quantized->recipe) +
                    " rounds attention's operands, which predictions do not see: its layers cost more than predicted, "
                    "and the worst are perhaps others");
    }
    const WorkClock clock;
    model->start_hashing();
    auto result = std::make_shared<Sensitivity>();
    result->draws = spec.draws;
    std::vector<std::size_t> group_of(model->linears().size()); // by LayerId
    const std::vector<LinearGroup> groups = linear_groups(*model, spec.grouping);
    for (std::size_t i = 0; i < groups.size(); ++i)
        for (const LayerId layer : groups[i].layers) group_of[index_of(layer)] = i;
    for (const Quantized& quantized : schemes) {
        SchemeSensitivity& scheme = result->schemes.emplace_back();
        scheme.scheme_line = summary_line(quantized->recipe);
        for (const LinearGroup& group : groups) scheme.layers.push_back({group.name, group.layers, 0, {}, {}, {}});
    }
    const std::vector<std::int32_t> ids = tokenize(tokenizer, corpus);
    const auto windows = evaluation_windows(ids, corpus, spec.text);
    const Device device = open_device(ctx.device);
    EvaluationSpec all = spec.text;
    all.max_windows = 0;
    result->protocol =
        evaluation_protocol(spec.text, tokenizer, ids, corpus, std::ssize(evaluation_windows(ids, corpus, all)));
    result->protocol.execution = prediction_execution;
    result->provenance = run_provenance(device, result->protocol.execution, corpus, windows);
    result->protocol.data_hash = result->provenance.data_hash;
    result->provenance.protocol = result->protocol.text();

    predict_damage(model, schemes, device, windows, {spec.draws}, ctx,
                   [&](LayerId layer, std::size_t scheme, const std::vector<double>& projections) {
                       std::vector<double>& sums =
                           result->schemes[scheme].layers[group_of[index_of(layer)]].projections;
                       sums.resize(projections.size());
                       std::ranges::transform(sums, projections, sums.begin(), std::plus());
                   });
    for (SchemeSensitivity& scheme : result->schemes)
        for (LayerSensitivity& layer : scheme.layers) layer.predicted = mean_square(layer.projections);
    result->provenance.model_hash = model->hash(ctx);
    result->prediction_seconds = clock.seconds();
    return result;
}

std::shared_ptr<const Sensitivity> measure_sensitivity(std::shared_ptr<const Model> model,
                                                       std::span<const Quantized> schemes, const Tokenizer& tokenizer,
                                                       const Corpus& corpus, const SensitivitySpec& spec,
                                                       JobContext& ctx, const SensitivityCallback& on_progress) {
    const auto result = predict_sensitivity(model, schemes, tokenizer, corpus, spec, ctx);
    if (on_progress) on_progress(*result);
    std::vector<Place> places;
    for (std::size_t scheme = 0; scheme < schemes.size(); ++scheme) {
        std::vector<std::size_t> worst = result->schemes[scheme].worst_first();
        if (spec.measured >= 0) worst.resize(std::min(worst.size(), static_cast<std::size_t>(spec.measured)));
        for (const std::size_t layer : worst)
            if (changes(schemes[scheme], result->schemes[scheme].layers[layer].layers))
                places.push_back({scheme, layer});
    }
    const WorkClock measuring;
    if (!places.empty() && ctx.execution.compute != Compute::automatic && ctx.execution != prediction_execution)
        ctx.log("measured in " + to_text(prediction_execution) + ", as predicted, instead of " +
                to_text(ctx.execution));
    const ExecutionScope as_predicted(ctx, prediction_execution);
    EvaluationSpec text = spec.text;
    text.predictions = true;
    for (std::size_t first = 0; first < places.size(); first += layers_per_pass) {
        std::vector<EvaluationSide> sides(1);
        const std::size_t count = std::min(layers_per_pass, places.size() - first);
        for (std::size_t i = first; i < first + count; ++i)
            sides.push_back(
                {alone(schemes[places[i].scheme], result->schemes[places[i].scheme].layers[places[i].layer].layers),
                 {}});
        const auto runs = evaluate_together(model, sides, tokenizer, corpus, text, ctx);
        result->protocol = runs[0]->protocol;
        result->provenance = runs[0]->provenance;
        for (std::size_t i = 0; i < count; ++i) {
            const Place& place = places[first + i];
            LayerSensitivity& layer = result->schemes[place.scheme].layers[place.layer];
            const Divergence divergence = *divergence_between(*runs[0], *runs[i + 1]);
            layer.measured = divergence.mean;
            layer.measured_interval = divergence.over_windows.interval;
        }
        result->measuring_seconds = measuring.seconds();
        if (on_progress) on_progress(*result);
        ctx.log("measured " + std::to_string(first + count) + " of " + std::to_string(places.size()) + " layers");
    }
    return result;
}

} // namespace graticule
