// Stops a job for a while: its thread stands at the next cancel point until it is let go. Whoever runs a job makes a
// Hold and a scope; work code does nothing (every cancel point asks), but for the clock of what it reports.
//
//     const HoldScope scope(hold);              // once, by whoever runs a job on this thread
//     hold.set(true);                           // from any thread; the job stands ...
//     hold.set(false);                          // ... until now
//     const WorkClock clock; ...; clock.seconds();   // without the time that it stood
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>
#include <vector>

namespace graticule {

class Hold {
public:
    using Clock = std::chrono::steady_clock;

    void set(bool held);
    [[nodiscard]] bool held() const { return held_.load(std::memory_order_relaxed); }
    /// How much of the time from `start` until now the job stood.
    [[nodiscard]] double seconds_since(Clock::time_point start) const;

    void stand(); ///< returns when it is not held; for stand_while_held()

private:
    std::atomic<bool> held_{false};
    mutable std::mutex mutex_; // guards stands_
    std::condition_variable let_go_;
    std::vector<std::pair<Clock::time_point, Clock::time_point>>
        stands_; // of the present one the end is time_point::max()
};

/// The hold of this thread's job, for as long as the scope lives. Scopes nest.
class HoldScope {
public:
    explicit HoldScope(Hold& hold);
    ~HoldScope();
    HoldScope(const HoldScope&) = delete;
    HoldScope& operator=(const HoldScope&) = delete;

private:
    Hold* outer_;
};

/// Every cancel point; without a scope nothing happens.
void stand_while_held();

/// Wall-clock time of this thread's job since the clock was made, less what it was held.
class WorkClock {
public:
    [[nodiscard]] double seconds() const;

private:
    Hold::Clock::time_point start_ = Hold::Clock::now();
};

} // namespace graticule
