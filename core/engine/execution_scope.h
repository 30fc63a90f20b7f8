// In what type a verb computes for as long as the scope lives, whatever its job was asked for.
#pragma once

#include "core/base/job_context.h"

namespace graticule {

class ExecutionScope {
public:
    ExecutionScope(JobContext& ctx, const Execution& execution)
        : ctx_(ctx)
        , asked_(ctx.execution) {
        ctx.execution = execution;
    }
    ~ExecutionScope() { ctx_.execution = asked_; }
    ExecutionScope(const ExecutionScope&) = delete;
    ExecutionScope& operator=(const ExecutionScope&) = delete;

private:
    JobContext& ctx_;
    Execution asked_;
};

} // namespace graticule
