// What a worker says is input like any other: before its result counts, it must be of what was asked, and its figures
// must agree with each other.
#pragma once

#include "app/remote/evaluation_order.h"
#include "core/base/job_context.h"
#include "core/result/evaluation.h"

namespace graticule {

/// Throws Error{bad_input} naming the member, what it is and what it must be: another model, window, precision or number
/// of windows, a loss that is no number, a perplexity that its losses do not give. Versions other than this program's
/// are told to `ctx`.
void check_answer(const Evaluation& evaluation, const EvaluationOrder& order, JobContext& ctx);

} // namespace graticule
