#include "core/base/hold.h"

#include <algorithm>

namespace graticule {

namespace {
thread_local Hold* current = nullptr;
}

void Hold::set(bool held) {
    {
        const std::lock_guard lock(mutex_);
        held_.store(held, std::memory_order_relaxed);
    }
    let_go_.notify_all();
}

void Hold::stand() {
    std::unique_lock lock(mutex_);
    if (!held()) return;
    stands_.emplace_back(Clock::now(), Clock::time_point::max());
    let_go_.wait(lock, [this] { return !held(); });
    stands_.back().second = Clock::now();
}

double Hold::seconds_since(Clock::time_point start) const {
    const std::lock_guard lock(mutex_);
    const Clock::time_point now = Clock::now();
    Clock::duration stood{};
    for (const auto& [from, to] : stands_)
        stood += std::max(Clock::duration{}, std::min(to, now) - std::max(from, start));
    return std::chrono::duration<double>(stood).count();
}

HoldScope::HoldScope(Hold& hold)
    : outer_(std::exchange(current, &hold)) {}

HoldScope::~HoldScope() { current = outer_; }

void stand_while_held() {
    if (current != nullptr && current->held()) current->stand();
}

double WorkClock::seconds() const {
    const double elapsed = std::chrono::duration<double>(Hold::Clock::now() - start_).count();
    return current == nullptr ? elapsed : elapsed - current->seconds_since(start_);
}

} // namespace graticule
