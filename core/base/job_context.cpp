#include "core/base/job_context.h"

#include <algorithm>
#include <utility>

namespace graticule {

void Progress::begin(std::string stage, std::int64_t total, std::int64_t before, Counted counted) {
    const std::lock_guard lock(mutex_);
    note_share();
    stage_ = std::move(stage);
    started_ = std::chrono::steady_clock::now();
    before_ = before;
    counted_ = counted;
    done_.store(before, std::memory_order_relaxed);
    total_.store(total, std::memory_order_relaxed);
}

void Progress::plan(double units) {
    const std::lock_guard lock(mutex_);
    planned_ = units;
    parts_before_ = part_ = share_of_part_ = 0;
}

void Progress::part(double units) {
    const std::lock_guard lock(mutex_);
    parts_before_ += part_;
    part_ = units;
    share_of_part_ = 0;
    done_.store(0, std::memory_order_relaxed); // of the stage before
    total_.store(0, std::memory_order_relaxed);
}

void Progress::note_share() const {
    const auto total = static_cast<double>(total_.load(std::memory_order_relaxed));
    const auto done = static_cast<double>(done_.load(std::memory_order_relaxed));
    if (total > 0) share_of_part_ = std::max(share_of_part_, std::min(1.0, done / total));
}

Progress::Snapshot Progress::snapshot() const {
    const std::lock_guard lock(mutex_);
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - started_;
    Snapshot now{stage_,
                 done_.load(std::memory_order_relaxed),
                 total_.load(std::memory_order_relaxed),
                 elapsed.count(),
                 before_,
                 counted_};
    if (planned_ > 0) {
        note_share();
        now.share = std::min(1.0, (parts_before_ + part_ * share_of_part_) / planned_);
    }
    return now;
}

} // namespace graticule
