#include "core/method/dgq_rounding.h"

#include "core/method/nearest_rounding.h"
#include "core/method/solvers/dgq.h"
#include "core/method/solvers/dgq_published.h"
#include "core/method/solvers/fixed_sums.h"

namespace graticule {

namespace {

using solvers::total;

bool published(const ParamMap& params) { return param<std::string>(params, "mode") != "clean"; }

Rounded round_in_groups(const WeightRequest& request, const solvers::DgqGroups& groups, const at::Tensor& gram) {
    Rounded rounded;
    rounded.params = {{1, groups.group}, groups.scale, groups.zero};
    const CodeGrid& grid = request.scheme.weight->format->grid;
    rounded.codes = solvers::quantize(request.weight, grid, rounded.params, request.device);
    const at::Tensor values = solvers::dequantize(rounded.codes, grid, rounded.params, request.device);
    rounded.loss = total(solvers::row_losses(values - request.weight, gram));
    const at::Tensor nearest = solvers::round_to_nearest(request.weight, rounding_quantizer(request), request.device);
    rounded.loss_before = total(solvers::row_losses(nearest - request.weight, gram));
    return rounded;
}

} // namespace

Rounded rounded_of(const solvers::DualGrain& dual) {
    Rounded rounded;
    rounded.codes = dual.codes;
    rounded.params = dual.params();
    return rounded;
}

StaticRule Dgq::static_rule(const ParamMap& params) const {
    return param<std::string>(params, "static_range") == "least" ? StaticRule::least_sample : StaticRule::extremes;
}

std::int64_t Dgq::calibration_length(const ParamMap& params) const { return param<std::int64_t>(params, "length"); }

/// The published program overwrites what it captured, so only the last calibration sample is searched on.
SampleWants Dgq::wants(const ParamMap& params) const {
    return {.gram = true, .rows = published(params) ? SampleWants::Rows::last_sample : SampleWants::Rows::none};
}

Rounded Dgq::round(const WeightRequest& request) const {
    const solvers::Tf32Products products(request.tf32);
    const Granularity granularity = request.scheme.weight->grain();
    const std::string& mode = param<std::string>(request.params, "mode");
    const auto arithmetic = mode == "reference" ? solvers::DgqArithmetic::bfloat16 : solvers::DgqArithmetic::float32;
    const bool dual = is_dual_grain(request.scheme.weight->levels), clean = !published(request.params);
    const std::int64_t group =
        granularity.kind == Granularity::Kind::channel ? request.weight.size(1) : granularity.group_size;
    const solvers::DgqOptions options;
    at::Tensor gram = request.samples.gram / double(request.samples.tokens);
    const at::Tensor last_sample = clean ? at::Tensor() : request.samples.rows.to(at::kFloat);
    if (request.keep.defined()) gram = gram.masked_fill(request.keep, 0).masked_fill(request.keep.unsqueeze(1), 0);

    if (!dual) {
        const solvers::DgqGroups groups =
            clean ? solvers::dgq_phase1(request.weight, gram, group, options)
                  : solvers::dgq_published_phase1(request.weight, last_sample, group, options, arithmetic);
        return round_in_groups(request, groups, gram);
    }
    const ScaleCoding& coding = row_of(request.scheme.weight->levels[1].coding).numbers;
    const solvers::DualGrain found = solvers::with_coded_channels(
        clean ? solvers::dgq_phase2(request.weight, gram, solvers::dgq_phase1(request.weight, gram, group, options),
                                    options)
              : solvers::dgq_published(request.weight, last_sample, group, options, arithmetic),
        coding);
    Rounded rounded = rounded_of(found);
    rounded.loss = total(solvers::row_losses(found.dequantized - request.weight, gram));
    const solvers::BlockParams fine = solvers::find_params(request.weight, rounding_quantizer(request), request.device);
    rounded.loss_before = total(solvers::round_to_dual_grain(request.weight, fine, gram, options).loss);
    return rounded;
}

} // namespace graticule
