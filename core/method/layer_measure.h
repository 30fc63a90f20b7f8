// What quantizing one linear cost, measured on kept calibration rows. Private to core/method.
#pragma once

#include "core/method/stages.h"
#include "core/result/quantized_model.h"

namespace graticule {

struct Measured {
    at::Tensor weight;    ///< (out, in) folded, as it should have been
    at::Tensor rounded;   ///< (out, in) what the codes stand for, kept columns and low rank left out
    at::Tensor effective; ///< (out, in) with them: what the decoder uses
    at::Tensor codes;     ///< undefined: the weight stays in full precision
    const solvers::BlockParams* params = nullptr;
    at::Tensor inputs;           ///< (rows, in) folded; undefined: no calibration
    at::Tensor row_samples = {}; ///< (rows) on the host: which sample each is of
    at::Tensor keep;             ///< bool (in): channels in 16 bits; undefined: none
};

/// The figures of the report that follow from the counts of a weight.
void report_weight(const QuantizeCounts& counts, const CodeGrid& grid, LayerReport& report);

/// Fills everything of `layer.report` that follows from the tensors and from the layer's scheme, static input and kept
/// channels. Returned: how the weight lies in steps of its scales, kept channels left out; nothing without codes.
StepCounts measure_layer(const Device& device, const Measured& measured, QuantizedLinear& layer);

} // namespace graticule
