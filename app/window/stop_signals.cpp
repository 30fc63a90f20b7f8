#include "app/window/stop_signals.h"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

#include "core/base/error.h"

namespace graticule {

namespace {

constexpr int stop_signals[] = {SIGTERM, SIGINT, SIGHUP};
int ends[2] = {-1, -1}; // of the pipe from the handler to the event loop

/// A byte into the pipe is all that may be done here. (Waiting for blocked signals instead would hand the block on to
/// every program that is started from the window.)
void on_signal(int) {
    const int reason = errno;
    const char byte = 0;
    [[maybe_unused]] const ssize_t written = ::write(ends[1], &byte, 1); // full: enough of them are waiting
    errno = reason;
}

void set_handlers(void (*handler)(int)) {
    struct sigaction action = {};
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    for (const int signal : stop_signals) ::sigaction(signal, &action, nullptr);
}

} // namespace

StopSignals::StopSignals(std::function<void()> stop)
    : stop_(std::move(stop)) {
    GRATICULE_ASSERT(ends[0] < 0 && ::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0, "one reader of stop signals at a time");
    notifier_ = std::make_unique<QSocketNotifier>(ends[0], QSocketNotifier::Read);
    QObject::connect(notifier_.get(), &QSocketNotifier::activated, notifier_.get(), [this] { take(); });
    set_handlers(on_signal);
}

StopSignals::~StopSignals() {
    set_handlers(SIG_DFL);
    notifier_.reset();
    for (int& end : ends) ::close(std::exchange(end, -1));
}

void StopSignals::take() {
    for (char byte = 0; ::read(ends[0], &byte, 1) == 1;) {
        if (std::exchange(asked_, true)) ::_exit(exit_code_cancelled);
        stop_();
    }
}

} // namespace graticule
