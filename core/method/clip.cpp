#include "core/method/clip.h"

#include <cstdio>

#include "core/method/nearest_rounding.h"
#include "core/method/solvers/clip_search.h"
#include "core/method/solvers/fixed_sums.h"

namespace graticule {

namespace {

void add_note(std::string& note, double share) {
    char text[64];
    std::snprintf(text, sizeof text, "range narrowed in %.1f %% of the groups", 100 * share);
    note += (note.empty() ? "" : "; ") + std::string(text);
}

} // namespace

bool OutputClip::applies(Role role, const ParamMap& params) const {
    const bool query_or_key = role == Role::q || role == Role::k;
    return !(query_or_key && param<bool>(params, "skip_qk"));
}

SampleWants OutputClip::wants(const ParamMap& params) const {
    return {.rows = SampleWants::Rows::spread, .count = param<std::int64_t>(params, "tokens")};
}

std::int64_t OutputClip::calibration_length(const ParamMap& params) const {
    return param<std::int64_t>(params, "length");
}

at::Tensor OutputClip::clip(const WeightRequest& request, std::string& note) const {
    const solvers::Tf32Products products(request.tf32);
    std::optional<solvers::TensorQuantizer> input;
    if (request.scheme.input && param<bool>(request.params, "quantize_inputs"))
        input = solvers::input_quantizer(*request.scheme.input);
    const bool dynamic = request.scheme.input && request.scheme.input->dynamic;
    const solvers::OutputClipOptions options{.grid = int(param<std::int64_t>(request.params, "grid")),
                                             .max_shrink = param<double>(request.params, "shrink"),
                                             .tokens = param<std::int64_t>(request.params, "tokens")};
    const solvers::ClipResult result =
        solvers::output_clip(request.weight, request.samples.rows.to(at::kFloat), rounding_quantizer(request), input,
                             options, request.device, dynamic ? request.samples.row_samples : at::Tensor());
    if (input && dynamic) add_samples_note(request.samples, *input, note);
    add_note(note, (result.ratio < 1).to(at::kFloat).mean().item<double>());
    return result.clipped;
}

at::Tensor MseClip::clip(const WeightRequest& request, std::string& note) const {
    const solvers::TensorQuantizer quantizer = rounding_quantizer(request);
    const solvers::MseClipOptions options{.grid = int(param<std::int64_t>(request.params, "grid")),
                                          .max_shrink = param<double>(request.params, "shrink"),
                                          .norm = param<double>(request.params, "norm")};
    const solvers::BlockParams found = solvers::mse_clip(request.weight, quantizer, options, request.device);
    const solvers::BlockParams whole = solvers::find_params(request.weight, quantizer, request.device);
    // What follows finds its own scales, so the range itself is narrowed: limited to this share of it, the weights give
    // the scales that were found.
    const at::Tensor ratio = (found.scale / whole.scale).clamp_max(1);
    add_note(note, (ratio < 1).to(at::kFloat).mean().item<double>());
    const BlockLayout layout = quantizer.layout(request.weight);
    const at::Tensor blocks = solvers::in_blocks(request.weight, layout);
    at::Tensor high = blocks.amax({1, 3}).clamp_min(0), low = blocks.amin({1, 3}).clamp_max(0);
    if (request.scheme.weight->symmetric) {
        high = at::max(high, -low);
        low = -high;
    }
    const at::Tensor most = solvers::spread_over_blocks(high * ratio, layout);
    const at::Tensor least = solvers::spread_over_blocks(low * ratio, layout);
    return at::min(at::max(request.weight, least), most);
}

} // namespace graticule
