// A request to end that comes from outside (SIGTERM, SIGINT, SIGHUP), as a call on the GUI thread.
//
//     const StopSignals stop([&] { window.saveAndLeave(); });      // one at a time; before it and after it they kill
#pragma once

#include <QtCore/QSocketNotifier>
#include <functional>
#include <memory>

namespace graticule {

class StopSignals {
public:
    /// `stop` is called for the first of them; the second ends the program at once, as cancelled.
    explicit StopSignals(std::function<void()> stop);
    ~StopSignals();
    StopSignals(const StopSignals&) = delete;
    StopSignals& operator=(const StopSignals&) = delete;

private:
    void take();

    std::function<void()> stop_;
    std::unique_ptr<QSocketNotifier> notifier_;
    bool asked_ = false;
};

} // namespace graticule
