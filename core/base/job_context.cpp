#include "core/base/job_context.h"

#include <utility>

namespace graticule {

void Progress::begin(std::string stage, std::int64_t total, std::int64_t before, Counted counted) {
    const std::lock_guard lock(mutex_);
    stage_ = std::move(stage);
    started_ = std::chrono::steady_clock::now();
    before_ = before;
    counted_ = counted;
    done_.store(before, std::memory_order_relaxed);
    total_.store(total, std::memory_order_relaxed);
}

Progress::Snapshot Progress::snapshot() const {
    const std::lock_guard lock(mutex_);
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - started_;
    return {stage_,
            done_.load(std::memory_order_relaxed),
            total_.load(std::memory_order_relaxed),
            elapsed.count(),
            before_,
            counted_};
}

} // namespace graticule
