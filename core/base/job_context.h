// What every long verb is handed: where to report progress, whether to stop, where to log. Reporting progress *is* the
// cancel point, so work code never polls a flag:
//
//     ctx.progress.begin("Evaluating", windows);
//     for (...) { ...; ctx.advance(); }   // throws Cancelled when the user asked to stop
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "core/base/error.h"
#include "core/base/execution.h"
#include "core/base/mapping_guard.h"

namespace graticule {

/// Written by the engine thread, read by anyone at any time (the window polls it on a timer).
class Progress {
public:
    enum class Counted : std::uint8_t { steps, windows }; ///< windows: those that the job's evaluations have
    /// `before`: so many of the `total` were there already. The stage begins at them, and no rate counts them.
    void begin(std::string stage, std::int64_t total, std::int64_t before = 0, Counted counted = Counted::steps);
    /// A job of many stages that knows how much there will be, in any unit: of `units` all in all, each part() is some.
    /// Stages that begin() from then on are within that part, until the next one.
    void plan(double units);
    void part(double units);
    void add(std::int64_t steps) { done_.fetch_add(steps, std::memory_order_relaxed); }

    struct Snapshot {
        std::string stage;
        std::int64_t done = 0;
        std::int64_t total = 0;      ///< 0: not known
        double seconds_in_stage = 0; ///< since begin()
        std::int64_t before = 0;     ///< of `done`
        Counted counted = Counted::steps;
        std::optional<double> share = std::nullopt; ///< of the whole plan, and never less than before; absent: no plan
    };
    [[nodiscard]] Snapshot snapshot() const;

private:
    void note_share() const; ///< of the stage, in share_of_part_; mutex_ held

    mutable std::mutex mutex_; // guards what begin() takes; the counters are atomic
    std::string stage_;
    std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
    std::atomic<std::int64_t> done_{0};
    std::atomic<std::int64_t> total_{0};
    std::int64_t before_ = 0;
    Counted counted_ = Counted::steps;
    double planned_ = 0, parts_before_ = 0, part_ = 0; // in the plan's units; planned_ 0: there is no plan
    mutable double share_of_part_ = 0;                 // as far as any of its stages has come
};

class CancelToken {
public:
    void request() { requested_.store(true, std::memory_order_relaxed); }
    /// True when a stop was asked for and no uncancellable section is open.
    [[nodiscard]] bool due() const { return requested_.load(std::memory_order_relaxed) && suppressed_ == 0; }

    /// Opens a section that must not be torn (the final rename of an export) for the guard's lifetime.
    class Suppression {
    public:
        explicit Suppression(CancelToken& token)
            : token_(token) {
            ++token_.suppressed_;
        }
        ~Suppression() { --token_.suppressed_; }
        Suppression(const Suppression&) = delete;
        Suppression& operator=(const Suppression&) = delete;

    private:
        CancelToken& token_;
    };
    [[nodiscard]] Suppression suppress() { return Suppression(*this); }

private:
    std::atomic<bool> requested_{false};
    std::atomic<int> suppressed_{0};
};

struct JobContext {
    Progress progress;
    CancelToken cancel;
    std::function<void(const std::string&)> log = [](const std::string&) {}; ///< one line for the log panel or stderr
    std::string device = "cpu";                                              ///< "cpu", "cuda" or "cuda:N"
    std::int64_t weight_budget = -1; ///< bytes of a model's weights that stay on the device; -1: as many as fit
    Execution execution;             ///< in what type, with which products

    /// Reports `steps` more done; throws Cancelled when a stop is due, and Error when a file that is mapped shrank.
    void advance(std::int64_t steps = 1) {
        progress.add(steps);
        check_cancelled();
    }
    void check_cancelled() const {
        if (cancel.due()) throw Cancelled();
        check_mappings();
    }
};

} // namespace graticule
