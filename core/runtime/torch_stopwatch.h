// Seconds between two points of the work on a device.
//
//     Stopwatch watch(device);
//     run();
//     watch.stop();
//     total += watch.seconds();     // on a card: waits until it has got there
//
// While work is recorded (kernels/api/recorded_work.h), Stopwatch(recording): the seconds are those of its last start.
#pragma once

#include <c10/core/Event.h>
#include <chrono>
#include <optional>
#include <utility>

#include "core/runtime/torch_bridge.h"
#include "kernels/api/recorded_work.h"

namespace graticule {

/// What lies between two moments: of the host, or of the device's queue of work.
class Stopwatch {
public:
    enum OfHost { of_host };
    explicit Stopwatch(OfHost) {}
    explicit Stopwatch(const Device& device) {
        if (!device.is_cuda()) return;
        stream_ = current_torch_stream(device);
        events_.emplace(c10::Event(at::kCUDA, c10::EventFlag::BACKEND_DEFAULT),
                        c10::Event(at::kCUDA, c10::EventFlag::BACKEND_DEFAULT));
        events_->first.record(*stream_);
    }
    explicit Stopwatch(RecordedWork& recording)
        : recording_(&recording)
        , first_(recording.mark()) {}
    void stop() {
        if (recording_ != nullptr)
            last_ = recording_->mark();
        else if (events_)
            events_->second.record(*stream_);
        else
            seconds_ = std::chrono::duration<double>(Clock::now() - began_).count();
    }
    /// Waits until the device has got there.
    [[nodiscard]] double seconds() const {
        if (recording_ != nullptr) return recording_->seconds_between(first_, last_);
        if (!events_) return seconds_;
        events_->second.synchronize();
        return events_->first.elapsedTime(events_->second) / 1e3;
    }

private:
    using Clock = std::chrono::steady_clock;
    Clock::time_point began_ = Clock::now();
    double seconds_ = 0;
    std::optional<c10::Stream> stream_;
    std::optional<std::pair<c10::Event, c10::Event>> events_;
    RecordedWork* recording_ = nullptr;
    std::size_t first_ = 0, last_ = 0; ///< marks
};

} // namespace graticule
