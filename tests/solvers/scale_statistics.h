// What a scale search starts from, of inputs that are all at hand: the program has them from its statistics.
#pragma once

#include <span>

#include "core/method/solvers/scale_search.h"

namespace graticule::testing {

inline at::Tensor input_statistic(solvers::InputStatistic statistic, const at::Tensor& inputs) {
    const at::Tensor magnitude = inputs.abs();
    return statistic == solvers::InputStatistic::absolute_maximum ? magnitude.amax(0) : magnitude.mean(0);
}

inline solvers::ScaleStatistics scale_statistics(const solvers::ScaleFormula& formula, const at::Tensor& inputs,
                                                 std::span<const at::Tensor> weights,
                                                 std::span<const solvers::TensorQuantizer> quantizers) {
    return {input_statistic(formula.input, inputs), weight_statistic(formula.weight, weights, quantizers)};
}

} // namespace graticule::testing
