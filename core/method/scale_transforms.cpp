#include "core/method/scale_transforms.h"

#include <algorithm>

#include "core/method/solvers/fixed_sums.h"

namespace graticule {

namespace {

bool paper_mode(const ParamMap& params) { return param<std::string>(params, "mode") == "paper"; }

void set_grid(const ParamMap& params, solvers::ScaleMethod& method) {
    const auto points = param<std::int64_t>(params, "grid");
    method.ratios.clear();
    for (std::int64_t i = 0; i < points; ++i) method.ratios.push_back(double(i) / double(points));
}

at::Tensor absmax_of(const FoldRequest& request) {
    if (request.samples.lowest.defined()) return request.samples.absmax().amax(0);
    GRATICULE_ASSERT(request.statistics != nullptr, "a method that needs statistics gets them");
    const std::vector<float> absmax = request.statistics->absmax_per_channel();
    return to_torch(absmax, {std::int64_t(absmax.size())}, request.device);
}

/// Samples of a module are equally long; of a linear alone any rows will do.
std::int64_t rows_of_samples(const SiteSamples& samples, std::int64_t count) {
    return std::max<std::int64_t>(1, samples.tokens / samples.sequences * count);
}

std::string dead_note(std::int64_t dead) {
    return dead == 0 ? "" : std::to_string(dead) + " input channels never fired during calibration";
}

} // namespace

solvers::ScaleMethod smoothquant_rules(const ParamMap& params) {
    return solvers::smoothquant_method(param<double>(params, "alpha"));
}

solvers::ScaleMethod awq_rules(const ParamMap& params) {
    solvers::ScaleMethod method = param<bool>(params, "duo") ? solvers::awq_duo_method() : solvers::awq_method();
    if (!paper_mode(params)) method.formula.dead = solvers::DeadChannels::geometric_mean;
    set_grid(params, method);
    return method;
}

solvers::ScaleMethod aqas_rules(const ParamMap& params) {
    const bool mean = param<std::string>(params, "statistic") == "mean";
    solvers::ScaleMethod method =
        mean ? solvers::aqas_mean_method(paper_mode(params)) : solvers::aqas_method(paper_mode(params));
    set_grid(params, method);
    return method;
}

bool ScaleTransform::applies(const FoldSite& site, const ParamMap& params) const {
    const auto sites = params.find("sites");
    const bool norms_only =
        rules_.norm_sites_only || (sites != params.end() && std::get<std::string>(sites->second) == "norms");
    return !norms_only || site.norm.has_value();
}

const ModuleOutput& ScaleTransform::module_of(const FoldRequest& request) const {
    return rules_.judge_gated_mlp && request.mlp ? request.mlp : request.attention;
}

bool ScaleTransform::sees_quantized_inputs(const FoldRequest& request) const {
    return rules_.quantize_inputs && std::any_of(request.schemes.begin(), request.schemes.end(),
                                                 [](const QuantScheme* scheme) { return scheme->input.has_value(); });
}

/// Where the linears' own outputs are compared and their inputs are not rounded, products of the inputs will do.
SampleWants ScaleTransform::wants(const FoldRequest& request) const {
    if (!rules_.search) return {};
    const bool rows = module_of(request) || sees_quantized_inputs(request);
    return {.gram = !rows, .magnitudes = true, .rows = rows ? SampleWants::Rows::all : SampleWants::Rows::none};
}

std::int64_t ScaleTransform::calibration_length(const ParamMap& params) const {
    return rules_.search ? param<std::int64_t>(params, "length") : 0;
}

std::optional<FoldResult> ScaleTransform::scale(const FoldRequest& request) const {
    const solvers::ScaleMethod method = rules_.method(request.params);
    if (rules_.search) return search(request, method);
    const solvers::ScaleStatistics statistics{absmax_of(request),
                                              solvers::weight_statistic(method.formula.weight, request.weights, {})};
    FoldResult result;
    result.scale = solvers::scale_at(method.formula, statistics, method.ratios.front());
    result.note = dead_note(solvers::dead_channels(statistics));
    return result;
}

FoldResult ScaleTransform::search(const FoldRequest& request, const solvers::ScaleMethod& method) const {
    const solvers::Tf32Products products(request.tf32);
    solvers::OutputLossSpec spec;
    if (request.samples.rows.defined()) spec.inputs = request.samples.rows.to(at::kFloat);
    if (request.samples.gram.defined()) spec.gram = request.samples.gram / double(request.samples.tokens);
    for (std::size_t i = 0; i < request.weights.size(); ++i) {
        const QuantScheme& scheme = *request.schemes[i];
        spec.weights.push_back(request.weights[i]);
        spec.quantizers.push_back(solvers::weight_quantizer(*scheme.weight));
        if (!rules_.quantize_inputs || !scheme.input) continue;
        spec.input = solvers::input_quantizer(*scheme.input);
        if (scheme.input->dynamic) spec.samples = request.samples.row_samples;
    }
    spec.module = module_of(request);
    if (request.samples_at_once > 0) spec.rows_at_once = rows_of_samples(request.samples, request.samples_at_once);
    const bool maximum = method.formula.input == solvers::InputStatistic::absolute_maximum;
    const solvers::ScaleStatistics statistics{
        maximum ? absmax_of(request) : request.samples.absmean,
        solvers::weight_statistic(method.formula.weight, spec.weights, spec.quantizers)};
    FoldResult result;
    const bool dynamic = std::ranges::any_of(
        request.schemes, [](const QuantScheme* scheme) { return scheme->input && scheme->input->dynamic; });
    if (spec.input && dynamic) add_samples_note(request.samples, *spec.input, result.note);
    const solvers::OutputLoss loss(std::move(spec), request.device);
    const solvers::ScaleSearch found =
        solvers::search_scale(method, statistics, [&](const at::Tensor& scale) { return loss.of(scale); });
    result.scale = found.scale;
    result.loss = found.loss;
    for (const solvers::ScaleTrial& trial : found.trials) {
        if (!trial.ratio) {
            result.loss_before = trial.loss;
            continue;
        }
        result.ratios.push_back(*trial.ratio);
        result.losses.push_back(trial.loss);
    }
    if (!result.loss_before) result.loss_before = loss.of(at::ones_like(found.scale));
    if (const std::string dead = dead_note(found.dead_channels); !dead.empty())
        result.note += (result.note.empty() ? "" : "; ") + dead;
    return result;
}

bool PercentileClipping::applies(const FoldSite& site, const ParamMap&) const {
    return site.norm || site.gated; // never the attention's output, never fc2
}

bool PercentileClipping::on_quantized_states(const ParamMap& params) const { return paper_mode(params); }

SampleWants PercentileClipping::wants(const FoldRequest& request) const {
    return {.magnitudes = paper_mode(request.params)};
}

std::optional<FoldResult> PercentileClipping::scale(const FoldRequest& request) const {
    FoldResult result;
    result.scale = solvers::percentile_clip_scale(absmax_of(request), param<double>(request.params, "percent") / 100);
    const auto changed = (result.scale > 1).sum().item<std::int64_t>();
    if (changed == 0) return std::nullopt;
    result.note = std::to_string(changed) + (changed == 1 ? " channel scaled" : " channels scaled");
    return result;
}

} // namespace graticule
