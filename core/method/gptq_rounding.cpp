#include "core/method/gptq_rounding.h"

#include <algorithm>
#include <cstdio>

#include "core/method/nearest_rounding.h"
#include "core/method/solvers/gptq.h"

namespace graticule {

namespace {

constexpr double least_raised = 0.01; ///< damping of a second attempt: ten times nothing is nothing

/// 2/n X^T X; kept columns are not rounded and take no part.
at::Tensor hessian_of(const WeightRequest& request) {
    const at::Tensor hessian = solvers::hessian_of(request.samples.gram, request.samples.sequences);
    if (!request.keep.defined()) return hessian;
    return hessian.masked_fill(request.keep, 0).masked_fill(request.keep.unsqueeze(1), 0);
}

solvers::GptqOptions options_of(const WeightRequest& request) {
    solvers::GptqOptions options;
    options.damping = param<double>(request.params, "damp");
    options.block = param<std::int64_t>(request.params, "block");
    options.act_order = param<bool>(request.params, "act_order");
    // Columns in another order are still stored in contiguous groups, so their scales are fixed beforehand.
    options.static_groups = param<bool>(request.params, "static_groups") || options.act_order;
    return options;
}

std::string ratio_note(const solvers::UpdateRatio& ratio) {
    char text[64];
    std::snprintf(text, sizeof text, "update ratio at most %.3g, mean %.3g", ratio.largest, ratio.mean);
    return text;
}

} // namespace

bool Gptq::quantized_inputs(const ParamMap& params) const { return param<bool>(params, "quantized_inputs"); }

bool Gptq::true_sequential(const ParamMap& params) const { return param<bool>(params, "true_sequential"); }

std::int64_t Gptq::calibration_length(const ParamMap& params) const { return param<std::int64_t>(params, "length"); }

Rounded Gptq::round(const WeightRequest& request) const {
    const at::Tensor hessian = hessian_of(request);
    const solvers::TensorQuantizer quantizer = rounding_quantizer(request);
    solvers::GptqOptions options = options_of(request);
    solvers::GptqResult result = solvers::gptq(request.weight, hessian, quantizer, options, request.device);
    Rounded rounded;
    for (int attempt = 0; result.cholesky_failed && attempt < 2; ++attempt) {
        options.damping = std::max(10 * options.damping, least_raised);
        result = solvers::gptq(request.weight, hessian, quantizer, options, request.device);
        if (!result.cholesky_failed) rounded.note = "damping raised to " + to_text(options.damping) + "; ";
    }
    rounded.codes = result.rounded.codes;
    rounded.params = result.rounded.params;
    rounded.loss = result.loss;
    rounded.loss_before = result.loss_nearest;
    if (result.cholesky_failed) {
        rounded.note = request.linear.short_name + ": " + result.failure;
        return rounded;
    }
    rounded.note += ratio_note(result.update_ratio);
    at::Tensor dead = hessian.diagonal() == 0;
    if (request.keep.defined()) dead = dead.logical_and(request.keep.logical_not()); // kept columns were set to zero
    const auto dead_columns = dead.sum().item<std::int64_t>();
    if (dead_columns == 0) return rounded;
    rounded.note += "; " + std::to_string(dead_columns) + " input channels never fired";
    if (param<std::string>(request.params, "mode") == "paper") {
        rounded.note += ", their weights set to zero";
        return rounded;
    }
    // The published program leaves zeros there, which harms a text where these channels do fire. They take no part in
    // the compensation, so rounding them to nearest changes nothing for the others.
    const at::Tensor nearest = solvers::quantize(request.weight, quantizer.grid, rounded.params, request.device);
    rounded.codes = at::where(dead, nearest, rounded.codes);
    return rounded;
}

} // namespace graticule
