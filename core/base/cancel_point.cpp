#include "core/base/cancel_point.h"

#include <utility>

#include "core/base/job_context.h"

namespace graticule {

namespace {
thread_local const JobContext* current = nullptr;
}

CancelScope::CancelScope(const JobContext* job)
    : outer_(std::exchange(current, job)) {}

CancelScope::CancelScope(const JobContext& job)
    : CancelScope(&job) {}

CancelScope::~CancelScope() { current = outer_; }

const JobContext* current_job() { return current; }

void cancel_point() {
    if (current != nullptr) current->check_cancelled();
}

} // namespace graticule
