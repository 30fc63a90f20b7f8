// What a search under a limit of time adds up: the linears of a recipe, timed on the job's device kind by kind. Every
// figure is measured; none is modelled.
//
//     const LinearTimes times = time_linears(model, quantized, {SpeedPhase::decode, 16, 1, 512}, ctx);
#pragma once

#include <memory>

#include "core/base/job_context.h"
#include "core/result/linear_times.h"
#include "core/result/quantized_model.h"

namespace graticule {

/// `before` as far as the model has positions. Throws Error{usage} for a batch or length below 1, Error{bad_input} for
/// a length beyond the model's positions.
[[nodiscard]] TimedPass fitted_pass(TimedPass pass, const Model& model);

/// How recipes are timed: in integer arithmetic where there are kernels for them, whatever `ctx` asks for, in its type.
[[nodiscard]] Execution timing_execution(const Model& model, const JobContext& ctx);

/// Medians over some passes of `pass`, one warm-up before them. Throws Error{out_of_memory} for a model that does not
/// fit the device.
[[nodiscard]] LinearTimes time_linears(const std::shared_ptr<const Model>& model,
                                       const std::shared_ptr<const QuantizedModel>& quantized, const TimedPass& pass,
                                       JobContext& ctx);

} // namespace graticule
