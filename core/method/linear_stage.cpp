#include "core/method/linear_stage.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/method/fold.h"
#include "core/method/layer_measure.h"
#include "core/method/method.h"
#include "core/method/nearest_rounding.h"
#include "core/method/result_params.h"
#include "core/method/solvers/fixed_sums.h"
#include "core/runtime/input_mapping.h"
#include "core/runtime/parameters.h"

namespace graticule {

namespace {

void append_note(std::string& notes, const std::string& note) {
    if (note.empty()) return;
    notes += (notes.empty() ? "" : "; ") + note;
}

/// Extremes of every channel of the mapped input over the calibration.
struct Extremes {
    std::vector<float> lowest, highest;
};

Extremes mapped_extremes(const LinearJob& job) {
    if (rotates(job.map)) {
        const SiteSamples samples = job.range_samples(range_wants(job.choice, true));
        return {to_vector(samples.lowest.amin(0)), to_vector(samples.highest.amax(0))};
    }
    GRATICULE_ASSERT(job.statistics != nullptr, "a method that needs statistics gets them");
    const ChannelStats& stats = job.statistics->all().channels;
    Extremes extremes{stats.minimum, stats.maximum};
    const std::vector<float> scale = job.map.smoothing();
    for (std::size_t i = 0; i < scale.size(); ++i) {
        extremes.lowest[i] /= scale[i];
        extremes.highest[i] /= scale[i];
    }
    return extremes;
}

std::vector<std::int32_t> choose_channels(const LinearJob& job) {
    const auto keep = chosen<ChannelChoice>(job.choice);
    if (!keep) return {};
    const Extremes extremes = mapped_extremes(job);
    std::vector<float> absmax(extremes.lowest.size());
    for (std::size_t i = 0; i < absmax.size(); ++i)
        absmax[i] = std::max(std::abs(extremes.lowest[i]), std::abs(extremes.highest[i]));
    return keep.method->choose(absmax, keep.params());
}

/// The extremes of calibration, kept channels left out.
StaticRange whole_range(const LinearJob& job, const std::vector<std::int32_t>& kept) {
    const Extremes extremes = mapped_extremes(job);
    float low = std::numeric_limits<float>::infinity(), high = -low;
    for (std::size_t i = 0; i < extremes.lowest.size(); ++i) {
        if (std::binary_search(kept.begin(), kept.end(), std::int32_t(i))) continue;
        low = std::min(low, extremes.lowest[i]);
        high = std::max(high, extremes.highest[i]);
    }
    return low > high ? StaticRange{} : StaticRange{low, high};
}

void set_static_scales(const LinearJob& job, const at::Tensor& keep, QuantizedLinear& out) {
    const QuantScheme& scheme = job.choice.scheme;
    if (scheme.input && !scheme.input->dynamic) {
        const bool least = static_rule(job.choice) == StaticRule::least_sample;
        const StaticRange range = least ? least_sample_range(job.round_samples(round_wants(job.choice)).absmax(), keep)
                                        : whole_range(job, out.kept_channels);
        out.static_input = static_scale(job.device, *scheme.input, range.low, range.high);
    }
    for (const auto& [operand, range] : job.operand_ranges) {
        out.static_operands[operand] = static_scale(job.device, *scheme[operand], range.low, range.high);
        append_note(out.report.method_note,
                    std::string(operand_names()[std::size_t(operand)].name) + " in " + range.text());
    }
}

void set_scored_rows(const LinearJob& job, Measured& measured) {
    if (job.weight_alone) return;
    measured.inputs = job.scored;
    measured.row_samples = job.scored_samples;
    if (job.scored.defined() || job.statistics == nullptr || job.statistics->kept_rows.empty()) return;
    measured.inputs = apply(job.map, to_torch(job.statistics->kept_rows, job.device), job.device);
    measured.row_samples = kept_row_samples(*job.statistics);
}

/// A fit to `tokens` inputs, where the rounding is one.
void report_fit(const MethodRow& rounding, std::int64_t tokens, const Linear& linear, std::string& note,
                LayerReport& report) {
    if (rounding.needs != Needs::samples) return;
    report.rows_fitted = tokens;
    report.too_few_rows = tokens < linear.in_features();
    if (report.too_few_rows)
        append_note(note, "fitted to " + std::to_string(tokens) + " tokens, fewer than its " +
                              std::to_string(linear.in_features()) + " inputs");
}

Rounded round_weight(const LinearJob& job, const at::Tensor& weight, const at::Tensor& keep, LayerReport& report) {
    static const ParamMap none;
    static const RoundToNearest nearest;
    WeightRequest request{.linear = job.linear,
                          .scheme = job.choice.scheme,
                          .params = none,
                          .device = job.device,
                          .weight = weight,
                          .keep = keep};
    const auto with = [&](const MethodStep& step, const SampleWants& wants, const auto& samples) {
        return WeightRequest{.linear = request.linear,
                             .scheme = request.scheme,
                             .params = step.params,
                             .device = request.device,
                             .weight = request.weight,
                             .keep = request.keep,
                             .samples = wants == SampleWants() ? SiteSamples() : samples(wants),
                             .tf32 = job.tf32};
    };
    const auto unseen = [](const SampleWants& wants, const WeightRequest& asked) {
        return wants != SampleWants() && asked.samples.tokens == 0;
    };
    const auto clip = chosen<Clip>(job.choice);
    if (clip && clip.method->applies(job.linear.role, clip.params())) {
        const SampleWants wants = clip_wants(job.choice, job.linear.role);
        const WeightRequest asked = with(*clip.step, wants, job.clip_samples);
        if (!unseen(wants, asked)) request.weight = clip.method->clip(asked, report.method_note);
    }
    const auto rounding = chosen<Rounding>(job.choice);
    if (!rounding) return nearest.round(request);
    const SampleWants wants = round_wants(job.choice);
    const WeightRequest asked = with(*rounding.step, wants, job.round_samples);
    if (!unseen(wants, asked)) {
        Rounded rounded = rounding.method->round(asked);
        report_fit(*rounding.row, asked.samples.tokens, job.linear, rounded.note, report);
        return rounded;
    }
    append_note(report.method_note, "no calibration token came here, rounded to nearest");
    return nearest.round(asked);
}

at::Tensor in_half(const at::Tensor& weight) { return weight.to(at::kHalf).to(at::kFloat); }

/// Mixed precision: which columns stay, and what they are in 16 bits, as counted.
void keep_channels(const LinearJob& job, Measured& measured, QuantizedLinear& out) {
    out.kept_channels = choose_channels(job);
    if (out.kept_channels.empty()) return;
    measured.keep = channel_mask(out.kept_channels, job.weight.size(1), job.device);
    if (out.choice.scheme.weight && !job.report_only)
        out.kept_columns = to_host(in_half(job.weight.index({at::indexing::Slice(), measured.keep})).contiguous());
    append_note(out.report.method_note, std::to_string(out.kept_channels.size()) + " channels kept in 16 bits");
}

at::Tensor low_rank_product(const LowRank& factors, const Device& device) {
    return solvers::product(to_torch(factors.a, device), to_torch(factors.b, device));
}

/// What the decoder multiplies, of the rounded weight: kept channels as they are, and without what low rank adds.
at::Tensor with_kept(const LinearJob& job, const at::Tensor& keep, const at::Tensor& rounded) {
    return keep.defined() ? at::where(keep, in_half(job.weight), rounded) : rounded;
}

/// Clip, round and compensate; `params` outlive `measured`.
void quantize_weight(const LinearJob& job, Measured& measured, solvers::BlockParams& params, QuantizedLinear& out) {
    const at::Tensor body = measured.keep.defined() ? job.weight.masked_fill(measured.keep, 0) : job.weight;
    const Rounded rounded = round_weight(job, body, measured.keep, out.report);
    append_note(out.report.method_note, rounded.note);
    if (rounded.loss) out.report.search_loss = rounded.loss;
    if (rounded.loss_before) out.report.search_loss_before = rounded.loss_before;
    params = rounded.params;
    measured.params = &params;
    measured.codes = rounded.codes;
    measured.rounded = solvers::dequantize(rounded.codes, out.choice.scheme.weight->format->grid, params, job.device);
    measured.effective = with_kept(job, measured.keep, measured.rounded);
    if (!all_finite(measured.effective))
        throw Error(ErrorKind::unsupported, job.linear.short_name +
                                                ": a kept channel holds a weight beyond 65504, the largest of its 16 "
                                                "bits; quantize that layer without keep, or put it on the ignore list");
    if (const auto compensation = chosen<Compensation>(job.choice)) {
        const auto [a, b] = compensation.method->factors(job.weight, measured.effective, compensation.params());
        out.low_rank = LowRank{to_host(a.contiguous()), to_host(b.contiguous())};
        measured.effective = measured.effective + low_rank_product(*out.low_rank, job.device);
    }
    if (!job.report_only) out.codes = to_host(rounded.codes, out.choice.scheme.weight->format->bits);
    out.params = to_host(params);
}

} // namespace

SampleWants clip_wants(const SchemeChoice& choice, Role role) {
    const auto clip = chosen<Clip>(choice);
    if (!clip || !choice.scheme.weight || !clip.method->applies(role, clip.params())) return {};
    return clip.method->wants(clip.params());
}

SampleWants round_wants(const SchemeChoice& choice) {
    const auto rounding = chosen<Rounding>(choice);
    if (!rounding || !choice.scheme.weight) return {};
    SampleWants wants = rounding.method->wants(rounding.params());
    const auto& input = choice.scheme.input;
    if (input && !input->dynamic && static_rule(choice) == StaticRule::least_sample) wants.magnitudes = true;
    return wants;
}

SampleWants range_wants(const SchemeChoice& choice, bool rotated) {
    const auto& input = choice.scheme.input;
    const bool whole = input && !input->dynamic && static_rule(choice) == StaticRule::extremes;
    return {.magnitudes = rotated && (whole || chosen<ChannelChoice>(choice))};
}

bool rotates(const InputMap& map) {
    return std::any_of(map.steps.begin(), map.steps.end(),
                       [](const auto& step) { return std::holds_alternative<HadamardMap>(step); });
}

void begin_report(const Linear& linear, const SchemeChoice& choice, QuantizedLinear& out) {
    out.layer = out.report.layer = linear.id;
    out.choice = choice;
    out.report.name = linear.short_name;
    out.report.scheme_line = to_line(without_defaults(choice));
    out.report.bytes_before = linear.stored_bytes;
}

LinearOutcome quantize_linear(const LinearJob& job) {
    const auto started = std::chrono::steady_clock::now();
    LinearOutcome outcome;
    QuantizedLinear& out = outcome.quantized;
    LayerReport& report = out.report;
    begin_report(job.linear, job.choice, out);
    out.input_map = job.map;

    Measured measured;
    measured.weight = measured.rounded = measured.effective = job.weight;
    keep_channels(job, measured, out);
    solvers::BlockParams params;
    if (job.choice.scheme.weight) quantize_weight(job, measured, params, out);
    set_static_scales(job, measured.keep, out);
    set_scored_rows(job, measured);
    outcome.steps = measure_layer(job.device, measured, out);
    report.bytes_after = packed_bytes(out, job.linear);
    report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    outcome.effective = measured.effective;
    return outcome;
}

LinearOutcome restored_linear(const LinearJob& job, QuantizedLinear quantized) {
    LinearOutcome outcome;
    outcome.quantized = std::move(quantized);
    QuantizedLinear& out = outcome.quantized;
    out.choice = job.choice;
    out.input_map = job.map;
    outcome.effective = job.weight;
    if (out.codes.empty()) return outcome;
    const at::IntArrayRef shape = job.weight.sizes();
    const at::Tensor codes = to_torch(out.codes, job.device);
    const at::Tensor rounded = solvers::dequantize(codes, job.choice.scheme.weight->format->grid,
                                                   to_torch(out.params, shape, job.device), job.device);
    const at::Tensor keep =
        out.kept_channels.empty() ? at::Tensor() : channel_mask(out.kept_channels, shape[1], job.device);
    outcome.effective = with_kept(job, keep, rounded);
    if (out.low_rank) outcome.effective = outcome.effective + low_rank_product(*out.low_rank, job.device);
    return outcome;
}

} // namespace graticule
