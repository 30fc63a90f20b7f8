// What rounding does to a weight, counted on a CPU in one pass over its values (kernels/api/weight_figures.h).
#pragma once

#include "core/method/solvers/tensor_quantizer.h"
#include "core/stats/step_histogram.h"
#include "kernels/api/weight_figures.h"

namespace graticule::solvers {

struct CountedWeight {
    BlockParams params;
    WeightFigures figures;
};
/// Rounded to nearest, from the bytes as they are stored: neither float32 values nor codes are made of the whole.
[[nodiscard]] CountedWeight count_nearest(const HostTensor& weight, const TensorQuantizer& quantizer);

/// Of a weight (out, in) on the CPU and the codes that a method gave it.
[[nodiscard]] WeightFigures count_codes(const at::Tensor& weight, const CodeGrid& grid, const BlockParams& params,
                                        const at::Tensor& codes);

/// As count_in_steps would have counted the values.
[[nodiscard]] StepHistogram histogram_of(const StepCounts& steps);

} // namespace graticule::solvers
