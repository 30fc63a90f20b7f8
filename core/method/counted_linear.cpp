#include "core/method/counted_linear.h"

#include <chrono>

#include "core/method/layer_measure.h"
#include "core/method/linear_stage.h"
#include "core/method/method.h"
#include "core/method/nearest_rounding.h"
#include "core/method/result_params.h"
#include "core/method/solvers/counted_weight.h"
#include "core/runtime/parameters.h"

namespace graticule {

std::optional<WhatIfLayer> count_linear(const Model& model, const Linear& linear, const SchemeChoice& choice) {
    const auto& scheme = choice.scheme.weight;
    if (!scheme || is_dual_grain(scheme->levels)) return std::nullopt;
    static const ParamMap none;
    const ParamMap* params = &none;
    for (const MethodStep& step : choice.steps) {
        const auto* rounding = std::get_if<const Rounding*>(&find_method(step.method)->method);
        if (rounding == nullptr || !(*rounding)->to_nearest()) return std::nullopt;
        params = &step.params;
    }
    const auto started = std::chrono::steady_clock::now();
    const solvers::CountedWeight counted = solvers::count_nearest(linear.weight, rounding_quantizer(*scheme, *params));
    if (counted.figures.counts.not_finite > 0) refuse_parameter(model, linear.name + ".weight");

    WhatIfLayer result;
    QuantizedLinear& quantized = result.quantized;
    LayerReport& report = quantized.report;
    begin_report(linear, choice, quantized);
    quantized.params = to_host(counted.params);
    report_weight(counted.figures.counts, scheme->format->grid, report);
    report.bytes_after = packed_bytes(quantized, linear);
    report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    result.weight_in_steps = solvers::histogram_of(counted.figures.steps);
    return result;
}

} // namespace graticule
