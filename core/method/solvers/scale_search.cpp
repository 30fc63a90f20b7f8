#include "core/method/solvers/scale_search.h"

#include <algorithm>
#include <cmath>

#include "core/base/cancel_point.h"
#include "core/base/error.h"
#include "core/method/solvers/fixed_sums.h"

namespace graticule::solvers {
namespace {

constexpr std::int64_t cached_tokens = 1024;
constexpr int grid = 20;               // ratios 0, 1/20 ... 19/20 of llm-awq; 1 is never tried
constexpr double small = 1e-5;         // SmoothQuant's clamp
constexpr double awq_small = 1e-4;     // llm-awq's
constexpr double autoawq_small = 1e-6; // AutoAWQ's, added to a group's absmax

std::vector<double> twentieths() {
    std::vector<double> ratios;
    for (int i = 0; i < grid; ++i) ratios.push_back(static_cast<double>(i) / grid);
    return ratios;
}

/// |W| over the absmax of its group, mean over rows. Groups are the quantizer's, along a row.
at::Tensor relative_weight(const at::Tensor& weight, const TensorQuantizer& quantizer) {
    const std::int64_t group = quantizer.layout(weight).columns_per_block;
    const at::Tensor magnitude = weight.abs().reshape({weight.size(0), -1, group});
    return (magnitude / (magnitude.amax(2, /*keepdim=*/true) + autoawq_small)).reshape(weight.sizes());
}

} // namespace

at::Tensor weight_statistic(WeightStatistic statistic, std::span<const at::Tensor> weights,
                            std::span<const TensorQuantizer> quantizers) {
    if (statistic == WeightStatistic::none) return {};
    std::vector<at::Tensor> parts;
    for (std::size_t i = 0; i < weights.size(); ++i)
        parts.push_back(statistic == WeightStatistic::relative_mean ? relative_weight(weights[i], quantizers[i])
                                                                    : weights[i].abs());
    const at::Tensor all = at::cat(parts, 0);
    return statistic == WeightStatistic::absolute_maximum ? all.amax(0) : all.mean(0);
}

std::int64_t dead_channels(const ScaleStatistics& statistics) {
    return statistics.input.eq(0).sum().item<std::int64_t>();
}

at::Tensor scale_at(const ScaleFormula& formula, const ScaleStatistics& statistics, double ratio) {
    at::Tensor scale = statistics.input.clamp_min(formula.input_floor).pow(ratio);
    if (formula.weight != WeightStatistic::none) {
        GRATICULE_ASSERT(statistics.weight.defined(), "this formula looks at the weights");
        const at::Tensor divisor = statistics.weight.clamp_min(formula.weight_floor).pow(1.0 - ratio);
        scale = scale / (divisor + formula.denominator_shift);
    }
    scale = scale.clamp_min(formula.scale_floor);
    if (const at::Tensor dead = statistics.input.eq(0);
        formula.dead == DeadChannels::geometric_mean && dead.any().item<bool>()) {
        const at::Tensor live = scale.masked_select(dead.logical_not());
        const double mean = live.numel() > 0 ? std::exp(live.to(at::kDouble).log().mean().item<double>()) : 1.0;
        scale = scale.masked_fill(dead, mean);
    }
    if (formula.normalisation == Normalisation::geometric) scale = scale / (scale.max() * scale.min()).sqrt();
    // AutoAWQ: what is not a number, or none that divides, leaves the channel as it is.
    return at::where(at::isfinite(scale).logical_and(scale > 0), scale, at::ones_like(scale));
}

ScaleMethod smoothquant_method(double alpha, bool paper) {
    ScaleMethod method;
    method.formula.weight_floor = small;
    method.formula.dead = paper ? DeadChannels::clamp : DeadChannels::geometric_mean;
    method.ratios = {alpha};
    return method;
}

ScaleMethod awq_method() {
    ScaleMethod method;
    method.formula = {.input = InputStatistic::absolute_mean,
                      .weight = WeightStatistic::none,
                      .normalisation = Normalisation::geometric,
                      .dead = DeadChannels::clamp,
                      .scale_floor = awq_small};
    method.ratios = twentieths();
    return method;
}

ScaleMethod awq_duo_method() {
    ScaleMethod method = awq_method();
    method.formula.weight = WeightStatistic::relative_mean;
    method.formula.denominator_shift = awq_small;
    return method;
}

ScaleMethod aqas_method(bool paper) {
    ScaleMethod method;
    method.formula = {.dead = paper ? DeadChannels::clamp : DeadChannels::geometric_mean,
                      .input_floor = small,
                      .weight_floor = small,
                      .scale_floor = 0};
    method.ratios = twentieths();
    method.identity_candidate = !paper;
    return method;
}

ScaleMethod aqas_mean_method(bool paper) {
    ScaleMethod method = aqas_method(paper);
    method.formula.input = InputStatistic::absolute_mean;
    method.formula.weight = WeightStatistic::absolute_mean;
    return method;
}

ScaleSearch search_scale(const ScaleMethod& method, const ScaleStatistics& statistics,
                         const std::function<double(const at::Tensor& scale)>& loss) {
    GRATICULE_ASSERT(!method.ratios.empty(), "a search tries something");
    ScaleSearch search;
    search.dead_channels = dead_channels(statistics);
    const auto consider = [&](const at::Tensor& scale, std::optional<double> ratio) {
        const double found = loss(scale);
        search.trials.push_back({ratio, found});
        if (search.scale.defined() && !(found < search.loss)) return;
        search.scale = scale;
        search.ratio = ratio;
        search.loss = found;
    };
    if (method.identity_candidate) consider(at::ones_like(statistics.input), std::nullopt);
    for (const double ratio : method.ratios) consider(scale_at(method.formula, statistics, ratio), ratio);
    return search;
}

OutputLoss::OutputLoss(OutputLossSpec spec, const Device& device)
    : spec_(std::move(spec))
    , device_(device) {
    GRATICULE_ASSERT(spec_.weights.size() == spec_.quantizers.size() && !spec_.weights.empty(),
                     "one quantizer per weight");
    GRATICULE_ASSERT((spec_.module || spec_.input ? spec_.inputs : spec_.gram).dim() == 2,
                     "inputs (tokens, channels), or their Gram matrix where that is all the loss needs");
    for (const at::Tensor& weight : spec_.weights) outputs_ += weight.size(0);
    if (!spec_.module && !spec_.input) return;
    std::int64_t rows = spec_.rows_at_once;
    // A search reads the inputs some twenty times, several passes each.
    if (rows == 0) rows = spec_.module || device.is_cuda() ? spec_.inputs.size(0) : cached_tokens;
    const bool shared = spec_.input && spec_.samples.defined() && rows_share_scales(*spec_.input);
    parts_ = shared ? by_samples(spec_.inputs, spec_.samples) : spec_.inputs.split(rows);
    const at::Tensor all = spec_.module ? at::Tensor() : at::cat(spec_.weights).t();
    for (const at::Tensor& part : parts_)
        exact_parts_.push_back(spec_.module ? spec_.module(spec_.weights, part) : product(part, all));
}

double OutputLoss::of(const at::Tensor& scale) const {
    if (spec_.module) return of_module(scale);
    return spec_.input ? of_linears(scale) : of_gram(scale);
}

at::Tensor OutputLoss::rounded_weight(std::size_t index, const at::Tensor& scale) const {
    return round_to_nearest(spec_.weights[index] * scale, spec_.quantizers[index], device_);
}

std::function<at::Tensor(const at::Tensor& smooth)> OutputLoss::input_rounding(const at::Tensor& scale) const {
    TensorQuantizer input = *spec_.input;
    if (!rows_share_scales(input) || spec_.samples.defined() || (spec_.module && parts_.size() == 1))
        return [this, input](const at::Tensor& smooth) { return round_to_nearest(smooth, input, device_); };
    // One scale for everything is found on everything.
    const at::Tensor all = spec_.inputs / scale;
    if (input.granularity.kind != Granularity::Kind::tensor) {
        input = with_fixed_coarse(input, all, device_);
        return [this, input](const at::Tensor& smooth) { return round_to_nearest(smooth, input, device_); };
    }
    return [this, grid = input.grid, whole = find_params(all, input, device_)](const at::Tensor& smooth) {
        BlockParams params = whole;
        params.layout = {smooth.size(0), smooth.size(1)};
        return dequantize(quantize(smooth, grid, params, device_), grid, params, device_);
    };
}

/// The factors are taken out again, because a module may hold linears that are not scaled with the site.
double OutputLoss::of_module(const at::Tensor& scale) const {
    std::vector<at::Tensor> rounded;
    for (std::size_t i = 0; i < spec_.weights.size(); ++i) rounded.push_back(rounded_weight(i, scale).div_(scale));
    const auto round = spec_.input ? input_rounding(scale) : nullptr;
    double sum = 0;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
        const at::Tensor seen = round ? round(parts_[i] / scale).mul_(scale) : parts_[i];
        sum += total((spec_.module(rounded, seen) - exact_parts_[i]).square());
    }
    return sum / static_cast<double>(spec_.inputs.size(0) * exact_parts_.front().size(1));
}

double OutputLoss::of_linears(const at::Tensor& scale) const {
    std::vector<at::Tensor> rounded;
    for (std::size_t i = 0; i < spec_.weights.size(); ++i) rounded.push_back(rounded_weight(i, scale));
    const at::Tensor all = at::cat(rounded).t();
    const auto round = input_rounding(scale);
    double sum = 0;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
        cancel_point();
        sum += total(product(round(parts_[i] / scale), all).sub_(exact_parts_[i]).square_());
    }
    return sum / static_cast<double>(spec_.inputs.size(0)) / static_cast<double>(outputs_);
}

/// The mean of |X dw|^2 over tokens is dw^T (X^T X / n) dw: the tokens are multiplied once, not once a candidate.
double OutputLoss::of_gram(const at::Tensor& scale) const {
    double sum = 0;
    for (std::size_t i = 0; i < spec_.weights.size(); ++i) {
        const at::Tensor difference = rounded_weight(i, scale).div_(scale).sub_(spec_.weights[i]);
        sum += total(product(difference, spec_.gram).mul_(difference));
    }
    return sum / static_cast<double>(outputs_);
}

at::Tensor percentile_clip_scale(const at::Tensor& absmax, double fraction) {
    constexpr double least_base = 1e-4; // below it the reference leaves the layer alone
    const std::int64_t channels = absmax.size(0);
    const auto rank = static_cast<std::int64_t>(fraction * static_cast<double>(channels) + 1.5);
    const at::Tensor base = std::get<0>(absmax.topk(std::clamp<std::int64_t>(rank, 1, channels))).min();
    if (base.item<double>() < least_base) return at::ones_like(absmax);
    return at::where(absmax > base, absmax / base, at::ones_like(absmax));
}

} // namespace graticule::solvers
