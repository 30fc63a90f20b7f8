// What quantizing one linear cost, measured on the kept calibration rows. Private to core/method.
#pragma once

#include "core/method/stages.h"
#include "core/method/tensor_quantizer.h"
#include "core/result/layer_report.h"

namespace graticule {

struct Measured {
    at::Tensor weight;    ///< (out, in) folded, as it should have been
    at::Tensor rounded;   ///< (out, in) what the codes stand for, kept columns and low rank left out
    at::Tensor effective; ///< (out, in) with them: what the decoder uses
    at::Tensor codes;     ///< undefined: the weight stays in full precision
    const solvers::BlockParams* params = nullptr;
    at::Tensor inputs;                                  ///< (rows, in) folded; undefined: no calibration
    at::Tensor keep;                                    ///< bool (in): channels in 16 bits; undefined: none
    const solvers::BlockParams* input_params = nullptr; ///< static input
};

/// Fills everything of `report` that follows from the tensors.
void measure_layer(const Device& device, const QuantScheme& scheme, const Measured& measured, LayerReport& report);

} // namespace graticule
