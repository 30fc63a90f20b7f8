// What rounding does to a weight, counted in one pass over its values.
#pragma once

#include "core/method/solvers/tensor_quantizer.h"
#include "core/stats/step_histogram.h"
#include "kernels/api/weight_figures.h"

namespace graticule::solvers {

struct CountedWeight {
    BlockParams params;
    WeightFigures figures;
};
/// Rounded to nearest on a CPU, from the bytes as they are stored: neither float32 values nor codes are made of the
/// whole (kernels/api/weight_figures.h).
[[nodiscard]] CountedWeight count_nearest(const HostTensor& weight, const TensorQuantizer& quantizer);

/// Of a weight (out, in) and the codes that a method gave it, where they are (Backend::count_codes).
[[nodiscard]] WeightFigures count_codes(const at::Tensor& weight, const CodeGrid& grid, const BlockParams& params,
                                        const at::Tensor& codes, const Device& device);

/// With zero in the middle, as far as the largest magnitude reaches.
[[nodiscard]] StepHistogram histogram_of(const StepCounts& steps);

} // namespace graticule::solvers
