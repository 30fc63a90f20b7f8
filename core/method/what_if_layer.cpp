#include "core/method/what_if_layer.h"

#include <algorithm>

#include "core/method/fold.h"
#include "core/method/linear_stage.h"
#include "core/method/method.h"
#include "core/method/residual_rotation.h"
#include "core/method/result_params.h"
#include "core/method/rotation.h"
#include "core/runtime/input_mapping.h"
#include "core/runtime/parameters.h"
#include "core/runtime/torch_error.h"

namespace graticule {

namespace {

const FoldSite* fold_site_of(const Model& model, LayerId layer) {
    for (const FoldSite& site : model.fold_sites())
        if (std::find(site.consumers.begin(), site.consumers.end(), layer) != site.consumers.end()) return &site;
    return nullptr;
}

/// What a rotated residual stream has done to the layer's input, if `choice` wants one.
InputMap residual_map(const Model& model, const Linear& linear, const SchemeChoice& choice, const Device& device) {
    const auto rotation = hadamard_of(choice, linear, model);
    if (!rotation || !rotation->residual) return {};
    const Block& block = model.blocks().at(index_of(linear.block));
    const bool attention = linear.site == model.linear(block.q).site;
    const Norm& norm = block.norm(attention ? NormSlot::attention : NormSlot::mlp);
    const at::Tensor weight = load_parameter(model, norm.name + ".weight", norm.weight, device);
    return {{DiagonalMap{to_vector(norm_factors(model, weight))}, HadamardMap{rotation->block, true}}};
}

/// The scales of the layer's input, `before` having been done to it, when all linears that read it have `choice`;
/// searched on `inputs`, as calibration saw them.
std::optional<FoldResult> search_scale(const Model& model, const SiteStats& statistics, const at::Tensor& inputs,
                                       LayerId layer, const SchemeChoice& choice, const InputMap& before,
                                       const Device& device) {
    const auto transform = chosen<Transform>(choice);
    const FoldSite* site = fold_site_of(model, layer);
    if (!transform || site == nullptr || !scale_fits(*site, model)) return std::nullopt;
    if (!transform.method->applies(*site, transform.params())) return std::nullopt;
    LayerChoices choices(model.linears().size());
    for (const LayerId id : site->consumers) choices[index_of(id)] = choice;
    FoldRequest request = fold_request(*site, choices, transform.params(), device, [&](LayerId id) {
        const Linear& linear = model.linear(id);
        return fold_into(before, load_parameter(model, linear.name + ".weight", linear.weight, device), device);
    });
    request.statistics = &statistics.all().channels;
    SampleWants wants = transform.method->wants(request);
    if (!before.empty()) wants.magnitudes = true; // the statistics are of the input as it was
    if (transform.row->needs == Needs::samples || !before.empty())
        request.samples = samples_of(apply(before, inputs, device), wants, device);
    return transform.method->scale(request);
}

/// The rows that calibration kept. A method that looks at inputs fits itself to those it sees, so every fourth row is
/// held out for the score; other methods are scored on all.
struct KeptRows {
    at::Tensor fitted, scored;
};
KeptRows split_rows(const at::Tensor& kept, bool fits) {
    if (!fits || kept.size(0) < 8) return {kept, kept};
    const at::Tensor held_out = at::arange(kept.size(0), kept.options().dtype(at::kLong)).remainder(4) == 3;
    return {kept.index({held_out.logical_not()}), kept.index({held_out})};
}

bool uses_samples(const SchemeChoice& choice) {
    return std::any_of(choice.steps.begin(), choice.steps.end(),
                       [](const MethodStep& step) { return find_method(step.method)->needs == Needs::samples; });
}

} // namespace

WhatIfLayer what_if_layer(const Model& model, const ActivationStats& stats, LayerId layer, const SchemeChoice& choice) {
    const Device device = open_device("cpu");
    const TorchScope scope(device);
    return translate_torch_errors("trying " + model.linear(layer).short_name, [&] {
        const Linear& linear = model.linear(layer);
        const SiteStats& statistics = stats.sites.at(index_of(linear.site));
        const InputMap before = residual_map(model, linear, choice, device);
        const bool fits = uses_samples(choice);
        const KeptRows rows = split_rows(to_torch(statistics.kept_rows, device), fits);
        const std::optional<FoldResult> fold =
            search_scale(model, statistics, rows.fitted, layer, choice, before, device);
        LinearJob job{.linear = linear,
                      .choice = choice,
                      .device = device,
                      .weight = load_parameter(model, linear.name + ".weight", linear.weight, device),
                      .map = before,
                      .statistics = &statistics};
        if (fold) job.map.steps.emplace_back(DiagonalMap{to_vector(fold->scale)});
        const auto rotation = hadamard_of(choice, linear, model);
        if (rotation && !rotation->residual) job.map.steps.emplace_back(HadamardMap{rotation->block, false});
        if (rotation && rotation->writes_rotated)
            job.weight = hadamard(job.weight.t(), hadamard_block(model.config().hidden), device).t().contiguous();
        job.weight = fold_into(job.map, job.weight, device);
        job.exact_samples = job.round_samples = [&](const SampleWants& wants) {
            return samples_of(apply(job.map, rows.fitted, device), wants, device);
        };
        if (fits && rows.scored.size(0) > 0) job.scored = apply(job.map, rows.scored, device);
        WhatIfLayer result;
        LinearOutcome outcome = quantize_linear(job);
        if (fold) add_to_report(*fold, outcome.quantized.report);
        outcome.quantized.report.estimated = true;
        if (fits) outcome.quantized.report.rows_fitted = rows.fitted.size(0);
        const MethodStep* rounding = step_of(choice, Stage::round);
        outcome.quantized.report.too_few_rows = rounding != nullptr &&
                                                find_method(rounding->method)->needs == Needs::samples &&
                                                rows.fitted.size(0) < linear.in_features();
        if (choice.scheme.weight) {
            result.weight_in_steps =
                to_vector(job.weight / solvers::spread_over_blocks(outcome.scale, outcome.quantized.params.layout));
        }
        result.quantized = std::move(outcome.quantized);
        return result;
    });
}

} // namespace graticule
