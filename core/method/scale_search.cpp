#include "core/method/scale_search.h"

#include <cmath>

#include "core/method/tensor_quantizer.h"

namespace graticule {

namespace {

bool paper_mode(const FoldRequest& request) {
    const auto mode = request.params.find("mode");
    return mode != request.params.end() && std::get<std::string>(mode->second) == "paper";
}

at::Tensor statistic_tensor(const std::vector<float>& values, const Device& device) {
    return to_torch(values, {std::int64_t(values.size())}, device);
}

} // namespace

/// || Q(W diag(s)) Q(diag(s)^-1 X) - W X ||^2 per output value, over the module or the linears that judge the site.
/// Tokens are taken in parts that stay in the cache: a search reads the inputs some twenty times.
struct ScaleSearch::Objective {
    const FoldRequest& request;
    bool quantize_inputs;
    const ModuleOutput* module = nullptr;
    std::vector<at::Tensor> inputs;   ///< X in parts of whole sequences
    std::vector<at::Tensor> expected; ///< W X of each part
    at::Tensor gram; ///< X^T X / tokens, where inputs stay in full precision and the linears judge themselves

    Objective(const FoldRequest& request_, const ScaleRules& rules)
        : request(request_)
        , quantize_inputs(rules.quantize_inputs) {
        if (request.site.judged_by_attention && request.attention) module = &request.attention;
        if (rules.judge_gated_mlp && request.mlp) module = &request.mlp;
        bool any_input = false;
        for (const QuantScheme* scheme : request.schemes) any_input |= scheme != nullptr && scheme->input.has_value();
        quantize_inputs = quantize_inputs && any_input;
        if (module == nullptr && !quantize_inputs) {
            gram = at::matmul(request.inputs.t(), request.inputs) / double(request.inputs.size(0));
            return;
        }
        constexpr std::int64_t tokens_a_part = 1024;
        const std::int64_t sequences = std::max<std::int64_t>(1, tokens_a_part / request.sequence_length);
        inputs = request.inputs.split(sequences * request.sequence_length);
        for (const at::Tensor& part : inputs) expected.push_back(output(request.weights, part));
    }

    [[nodiscard]] at::Tensor output(std::span<const at::Tensor> weights, const at::Tensor& x) const {
        if (module != nullptr) return (*module)(weights, x);
        if (weights.size() == 1) return at::matmul(x, weights[0].t());
        std::vector<at::Tensor> outputs;
        for (const at::Tensor& weight : weights) outputs.push_back(at::matmul(x, weight.t()));
        return at::cat(outputs, 1);
    }

    [[nodiscard]] double operator()(const at::Tensor& scale) const {
        std::vector<at::Tensor> weights;
        const TensorScheme* input = nullptr;
        for (std::size_t i = 0; i < request.weights.size(); ++i) {
            at::Tensor weight = request.weights[i] * scale;
            const QuantScheme* scheme = request.schemes[i];
            if (scheme != nullptr && scheme->weight)
                weight = fake_quantize_weight(request.device, weight, *scheme->weight);
            if (scheme != nullptr && scheme->input) input = &*scheme->input;
            weights.push_back(std::move(weight));
        }
        if (gram.defined()) {
            const at::Tensor error = at::cat(weights) / scale - at::cat(request.weights);
            return (at::matmul(error, gram) * error).mean(at::kDouble).item<double>() * double(error.size(1));
        }
        std::optional<DeviceParams> fixed;
        if (quantize_inputs && !input->dynamic) {
            // Static inputs are judged with the range they will have: the extremes of what is there.
            const at::Tensor whole = request.inputs / scale;
            fixed = static_params(request.device, *input, whole.min().item<float>(), whole.max().item<float>());
        }
        double sum = 0, values = 0;
        for (std::size_t i = 0; i < inputs.size(); ++i) {
            at::Tensor x = inputs[i] / scale;
            if (quantize_inputs) x = fake_quantize_input(request.device, x, *input, fixed ? &*fixed : nullptr);
            const at::Tensor difference = output(weights, x).sub_(expected[i]);
            sum += at::dot(difference.flatten(), difference.flatten()).item<double>();
            values += double(difference.numel());
        }
        return sum / values;
    }
};

bool ScaleSearch::applies(const FoldSite& site, const ParamMap& params) const {
    const auto sites = params.find("sites");
    const bool norms_only =
        rules_.norm_sites_only || (sites != params.end() && std::get<std::string>(sites->second) == "norms");
    return !norms_only || site.source == FoldSite::Source::norm;
}

at::Tensor ScaleSearch::input_statistic(const FoldRequest& request) const {
    bool mean = rules_.input == InputStatistic::absolute_mean;
    const auto chosen = request.params.find("statistic");
    if (chosen != request.params.end()) mean = std::get<std::string>(chosen->second) == "mean";
    if (request.inputs.defined() && rules_.search)
        return mean ? request.inputs.abs().mean(0) : request.inputs.abs().amax(0);
    GRATICULE_ASSERT(request.statistics != nullptr, "a method that needs statistics gets them");
    return statistic_tensor(request.statistics->absmax_per_channel(), request.device);
}

at::Tensor ScaleSearch::scale_for(double ratio, const at::Tensor& x, const at::Tensor& w) const {
    at::Tensor scale = x.clamp_min(rules_.least_statistic).pow(ratio);
    if (rules_.weight != WeightStatistic::none) scale = scale / w.clamp_min(rules_.least_statistic).pow(1 - ratio);
    if (rules_.least_scale > 0) scale = scale.clamp_min(rules_.least_scale);
    return scale;
}

/// A channel that never fired during calibration says nothing about its scale; a tiny one would ruin the token's range
/// when it fires later. It gets the geometric mean of the others.
void ScaleSearch::treat_dead_channels(const at::Tensor& x, at::Tensor& scale) const {
    const at::Tensor dead = x == 0;
    if (!dead.any().item<bool>()) return;
    const at::Tensor live = scale.masked_select(dead.logical_not());
    const double mean = live.numel() > 0 ? std::exp(live.to(at::kDouble).log().mean().item<double>()) : 1.0;
    scale = scale.masked_fill(dead, mean);
}

std::optional<FoldResult> ScaleSearch::scale(const FoldRequest& request) const {
    const bool paper = paper_mode(request);
    const at::Tensor x = input_statistic(request);
    const at::Tensor w = at::cat(request.weights).abs().amax(0);
    const auto make = [&](double ratio) {
        at::Tensor scale = scale_for(ratio, x, w);
        if (!paper) treat_dead_channels(x, scale);
        if (rules_.normalise) scale = scale / (scale.max() * scale.min()).sqrt();
        return scale;
    };
    FoldResult result;
    const std::int64_t dead = (x == 0).sum().item<std::int64_t>();
    if (dead > 0) result.note = std::to_string(dead) + " input channels never fired during calibration";
    if (!rules_.search) {
        result.scale = make(param<double>(request.params, "alpha"));
        return result;
    }
    const Objective objective(request, rules_);
    const auto points = param<std::int64_t>(request.params, "grid");
    result.loss_before = objective(at::ones_like(x));
    if (!paper) { // the grid of AQAS does not hold the identity; a site may be better left alone
        result.loss = result.loss_before;
        result.scale = at::ones_like(x);
    }
    for (std::int64_t i = 0; i < points; ++i) {
        const double ratio = double(i) / double(points);
        at::Tensor scale = make(ratio);
        const double loss = objective(scale);
        result.ratios.push_back(ratio);
        result.losses.push_back(loss);
        if (result.loss && !(loss < *result.loss)) continue;
        result.loss = loss;
        result.scale = std::move(scale);
    }
    return result;
}

bool PercentileSmoothing::applies(const FoldSite& site, const ParamMap&) const {
    if (site.source == FoldSite::Source::norm) return true;
    return site.name.ends_with(".down"); // up -> down of gated MLPs; never the attention's output, never fc2
}

std::optional<FoldResult> PercentileSmoothing::scale(const FoldRequest& request) const {
    GRATICULE_ASSERT(request.statistics != nullptr, "a method that needs statistics gets them");
    const at::Tensor absmax = statistic_tensor(request.statistics->absmax_per_channel(), request.device);
    const double share = param<double>(request.params, "percent") / 100;
    constexpr double least_base = 1e-4; // DGQ 141eef7: below it the site is left alone
    const auto rank = std::int64_t(share * double(absmax.numel()) + 1.5); // the reference's k-th largest
    if (rank > absmax.numel()) return std::nullopt;
    const at::Tensor base = std::get<0>(at::topk(absmax, rank)).index({rank - 1});
    if (base.item<double>() < least_base) return std::nullopt;
    FoldResult result;
    result.scale = at::where(absmax > base, absmax / base, at::ones_like(absmax));
    const std::int64_t changed = (absmax > base).sum().item<std::int64_t>();
    if (changed == 0) return std::nullopt;
    result.note = std::to_string(changed) + (changed == 1 ? " channel scaled" : " channels scaled");
    return result;
}

} // namespace graticule
