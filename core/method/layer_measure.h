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
    at::Tensor inputs; ///< (rows, in) folded; undefined: no calibration
    at::Tensor keep;   ///< bool (in): channels in 16 bits; undefined: none
};

/// What became of the values of a weight that has codes, channels in 16 bits being zero: one pass on the CPU, or
/// operations on tensors, which work on any device and are the CPU's reference. The counts are the same, the sums
/// within 1e-6.
[[nodiscard]] QuantizeCounts count_in_one_pass(const Measured& measured, const CodeGrid& grid);
[[nodiscard]] QuantizeCounts count_by_tensors(const Measured& measured, const CodeGrid& grid);

/// The figures of the report that follow from the counts of a weight.
void report_weight(const QuantizeCounts& counts, const CodeGrid& grid, LayerReport& report);

/// Fills everything of `layer.report` that follows from the tensors and from the layer's scheme, static input and kept
/// channels.
void measure_layer(const Device& device, const Measured& measured, QuantizedLinear& layer);

} // namespace graticule
