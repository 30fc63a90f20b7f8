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
    at::Tensor weight;                     ///< (out, in) float32, `map` folded into it
    InputMap map = {};                     ///< from the input that `statistics` saw to what `weight` multiplies
    const SiteStats* statistics = nullptr; ///< null: no calibration
    /// Mapped inputs for ranges and kept channels, for clipping, both of the full-precision model, and as the rounding
    /// wants them. Called only when something is wanted.
    std::function<SiteSamples(const SampleWants&)> range_samples = {}, clip_samples = {}, round_samples = {};
    bool tf32 = false;                                  ///< WeightRequest::tf32
    std::map<Operand, StaticRange> operand_ranges = {}; ///< static attention operands that this linear owns
    bool report_only = false;                           ///< codes and kept columns stay behind
    bool weight_alone = false;                          ///< no input is looked at: the report is of the weight
    /// Input rows, folded, that errors are measured on, and which sample each is of; undefined: all that calibration
    /// kept.
    at::Tensor scored = {}, scored_samples = {};
};

/// What the stages of `choice` want of the samples for a linear of this role: nothing, where they want nothing.
/// Extremes of rotated inputs do not follow from statistics of the input as it was: `rotated` ones come from the
/// samples.
[[nodiscard]] SampleWants clip_wants(const SchemeChoice& choice, Role role);
[[nodiscard]] SampleWants round_wants(const SchemeChoice& choice);
[[nodiscard]] SampleWants range_wants(const SchemeChoice& choice, bool rotated);
/// Whether the map holds more than diagonals.
[[nodiscard]] bool rotates(const InputMap& map);

/// What `out` says before anything is done: which linear, under which choice.
void begin_report(const Linear& linear, const SchemeChoice& choice, QuantizedLinear& out);

struct LinearOutcome {
    QuantizedLinear quantized;
    at::Tensor effective; ///< (out, in) float32: what the decoder uses from now on
    StepCounts steps;     ///< how the weight lies in steps of its scales; nothing: not quantized
};

[[nodiscard]] LinearOutcome quantize_linear(const LinearJob& job);
/// The outcome of a linear that the same job has quantized before: without `steps`, and no sample is looked at.
[[nodiscard]] LinearOutcome restored_linear(const LinearJob& job, QuantizedLinear quantized);

} // namespace graticule
