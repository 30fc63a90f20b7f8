// The stages from `keep` to the report, for one linear whose scales have been folded already. Private to core/method;
// the pipeline and what-if both end here.
#pragma once

#include "core/method/static_ranges.h"
#include "core/result/quantized_model.h"

namespace graticule {

struct LinearJob {
    const Linear& linear;
    const SchemeChoice& choice; ///< parameters complete
    const Device& device;
    at::Tensor weight;                     ///< (out, in) float32, folded
    at::Tensor input_scale;                ///< (in) what the columns were multiplied by; undefined: nothing
    const SiteStats* statistics = nullptr; ///< of the unscaled input; null: no calibration
    /// Inputs in the folded domain for clipping and for rounding; called only when the method wants something.
    std::function<SiteSamples(const SampleWants&)> clip_samples = {}, round_samples = {};
    std::map<Operand, StaticRange> operand_ranges = {}; ///< static attention operands that this linear owns
};

/// What the stages of `choice` want of the samples for a linear of this role: nothing, where they want nothing.
[[nodiscard]] SampleWants clip_wants(const SchemeChoice& choice, Role role);
[[nodiscard]] SampleWants round_wants(const SchemeChoice& choice);

struct LinearOutcome {
    QuantizedLinear quantized;
    at::Tensor scale;     ///< (blocks down, blocks across) of the weight; undefined: not quantized
    at::Tensor effective; ///< (out, in) float32: what the decoder uses from now on
};

[[nodiscard]] LinearOutcome quantize_linear(const LinearJob& job);

} // namespace graticule
