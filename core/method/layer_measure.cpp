#include "core/method/layer_measure.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/format/quant_format.h"
#include "core/method/solvers/counted_weight.h"
#include "core/method/solvers/fixed_sums.h"
#include "core/runtime/activation_rounding.h"
#include "core/runtime/parameters.h"
#include "kernels/api/grid_points.h"

namespace graticule {

namespace {

double decibels(double signal, double noise) {
    if (noise <= 0) return std::numeric_limits<double>::infinity();
    return signal > 0 ? 10 * std::log10(signal / noise) : -std::numeric_limits<double>::infinity();
}

/// Squares leave the range of float32 long before the values do; then they are taken in double.
double mean_squared(const at::Tensor& x) {
    const double mean = solvers::mean_square(x);
    return std::isfinite(mean) ? mean : solvers::mean_square(x.to(at::kDouble));
}

/// Why there is no SQNR; empty where there is one. Without a signal even an error of zero says nothing.
std::string why_not_measured(const Measured& measured, const at::Tensor& expected, double signal, double error) {
    if (!all_finite(measured.inputs)) return "its inputs leave the range of float32";
    if (!all_finite(expected)) return "its outputs leave the range of float32";
    if (!std::isfinite(error)) return "its quantized outputs leave the range of float32";
    if (signal == 0) return "its outputs are all zero, there is no signal to compare an error with";
    return {};
}

/// Values more than half a step (a table: half its outermost gap) outside the lowest or highest point; `zero`
/// broadcasts to `steps`.
at::Tensor clipped_mask(const at::Tensor& steps, const at::Tensor& zero, const CodeGrid& grid) {
    const GridPoints points = prepare_grid(grid);
    if (points.kind == GridKind::table) {
        const BlockPoint block = block_point<GridKind::table>(points, 1, 0);
        return (steps < block.hull_low - points.margin_below).logical_or(steps > block.hull_high + points.margin_above);
    }
    at::Tensor low = -zero, high = points.top - zero;
    if (points.kind == GridKind::lattice_with_specials) {
        low = low.clamp_max(std::min(points.specials[0], points.specials[1]));
        high = high.clamp_min(std::max(points.specials[0], points.specials[1]));
    }
    return (steps < low - points.margin_below).logical_or(steps > high + points.margin_above);
}

/// Where values became zero, and where others lie beyond the range.
struct Lost {
    at::Tensor underflow, clipped;
};
Lost lost_in(const Measured& measured, const CodeGrid& grid) {
    const solvers::BlockParams& params = *measured.params;
    const at::Tensor steps = solvers::in_blocks(measured.weight, params.layout) / solvers::beside_blocks(params.scale);
    const at::Tensor beyond = clipped_mask(
        steps, grid.shape == CodeGrid::Shape::lattice ? solvers::beside_blocks(params.zero) : at::Tensor(), grid);
    Lost lost;
    lost.underflow = (measured.rounded == 0).logical_and(measured.weight != 0);
    lost.clipped = beyond.view_as(measured.weight).logical_and(lost.underflow.logical_not());
    return lost;
}

/// E[(Du X)^2], E[(Dr X)^2], E[(Dc X)^2] and what their cross terms add.
ErrorSplit split_error(const Measured& measured, const Lost& lost, const QuantizeCounts& counts) {
    const at::Tensor error = measured.rounded - measured.weight;
    const auto output_error = [&](const at::Tensor& part) {
        return mean_squared(solvers::product(measured.inputs, part.t()));
    };
    ErrorSplit split;
    if (counts.underflow > 0) split.underflow = output_error(error * lost.underflow);
    if (counts.clipped > 0) split.clipping = output_error(error * lost.clipped);
    split.rounding = output_error(error * lost.underflow.logical_or(lost.clipped).logical_not());
    split.total = output_error(error);
    split.cross = split.total - split.underflow - split.rounding - split.clipping;
    return split;
}

ErrorSources::Parts parts_of(const ErrorSplit& split) { return {split.underflow, split.rounding, split.clipping}; }

/// E[(W d)^2] of each part d of the input's error. A dynamic range is the values' own: nothing lies beyond it.
ErrorSources::Parts split_input_error(const Measured& measured, const at::Tensor& quantized, const QuantScheme& scheme,
                                      const std::optional<StaticScale>& fixed) {
    const at::Tensor error = quantized - measured.inputs;
    const at::Tensor underflow = (quantized == 0).logical_and(measured.inputs != 0);
    at::Tensor clipped = at::zeros_like(underflow);
    if (fixed) {
        const at::Tensor zero = at::full({1}, fixed->zero, measured.inputs.options());
        clipped = clipped_mask(measured.inputs / fixed->scale, zero, scheme.input->format->grid)
                      .logical_and(underflow.logical_not());
        if (measured.keep.defined()) clipped = clipped.logical_and(measured.keep.logical_not());
    }
    const auto output_error = [&](const at::Tensor& where) {
        return where.any().item<bool>() ? mean_squared(solvers::product(error * where, measured.weight.t())) : 0.0;
    };
    return {output_error(underflow), output_error(underflow.logical_or(clipped).logical_not()), output_error(clipped)};
}

/// As the forward pass rounds them: a scale that tokens share is that of one sample.
at::Tensor rounded_inputs(const Measured& measured, const ActivationRounding& rounding, const Device& device) {
    if (token_by_token(rounding) || !measured.row_samples.defined())
        return round_activation(rounding, measured.inputs, device);
    std::vector<at::Tensor> rounded;
    for (const at::Tensor& part : solvers::by_samples(measured.inputs, measured.row_samples))
        rounded.push_back(round_activation(rounding, part, device));
    return at::cat(rounded);
}

void leave_out_zeros(StepCounts& steps, std::int64_t zeros) {
    const auto bin = static_cast<std::size_t>(-steps.first);
    if (bin < steps.counts.size()) steps.counts[bin] -= zeros;
}

} // namespace

void report_weight(const QuantizeCounts& counts, const CodeGrid& grid, LayerReport& report) {
    report.weight_counts = counts;
    report.levels_unused =
        static_cast<std::int32_t>(std::count(counts.codes_used, counts.codes_used + grid.code_count(), 0));
    report.weight_mse = counts.squared_error / double(counts.total);
    report.weight_sqnr_db = decibels(counts.squared_value, counts.squared_error);
    const std::int64_t not_zero = counts.total - counts.zeros_in;
    report.weight_underflow_percent = not_zero > 0 ? 100 * double(counts.underflow) / double(not_zero) : 0;
}

StepCounts measure_layer(const Device& device, const Measured& measured, QuantizedLinear& layer) {
    const QuantScheme& scheme = layer.choice.scheme;
    LayerReport& report = layer.report;
    StepCounts steps;
    if (measured.codes.defined()) {
        const CodeGrid& grid = scheme.weight->format->grid;
        Measured without_kept = measured; // zero in the codes, but not lost
        if (measured.keep.defined()) without_kept.weight = measured.weight.masked_fill(measured.keep, 0);
        WeightFigures figures =
            solvers::count_codes(without_kept.weight, grid, *measured.params, measured.codes, device);
        report_weight(figures.counts, grid, report);
        if (measured.inputs.defined())
            report.weight_output_error = split_error(without_kept, lost_in(without_kept, grid), figures.counts);
        steps = std::move(figures.steps);
        leave_out_zeros(steps, measured.weight.size(0) * std::ssize(layer.kept_channels));
    }
    if (!measured.inputs.defined()) return steps;
    report.rows_scored = measured.inputs.size(0);
    ErrorSources sources;
    if (report.weight_output_error) sources.weight = parts_of(*report.weight_output_error);
    at::Tensor inputs = measured.inputs;
    if (const auto rounding = input_rounding(layer)) {
        inputs = rounded_inputs(measured, *rounding, device);
        report.input_mse = mean_squared(inputs - measured.inputs);
        const at::Tensor fired = measured.inputs != 0;
        const auto not_zero = fired.sum().item<std::int64_t>();
        const auto lost = fired.logical_and(inputs == 0).sum().item<std::int64_t>();
        report.input_underflow_percent = not_zero > 0 ? 100 * double(lost) / double(not_zero) : 0;
        sources.input = split_input_error(measured, inputs, scheme, layer.static_input);
    }
    const at::Tensor expected = solvers::product(measured.inputs, measured.weight.t());
    const double error = mean_squared(solvers::product(inputs, measured.effective.t()) - expected);
    const double signal = mean_squared(expected);
    report.output_mse = error;
    report.not_measured = why_not_measured(measured, expected, signal, error);
    report.output_sqnr_db =
        report.not_measured.empty() ? decibels(signal, error) : std::numeric_limits<double>::quiet_NaN();
    sources.total = error;
    for (const ErrorSources::Parts& parts : {sources.weight, sources.input})
        sources.cross -= parts.underflow + parts.rounding + parts.clipping;
    sources.cross += error;
    if (scheme.weight || scheme.input) report.output_error = sources;
    return steps;
}

} // namespace graticule
