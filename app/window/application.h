// Qt cannot carry an exception through its event loop: one that leaves a slot ends the program, with whatever was not
// saved. Here it becomes a message of the window, and the program goes on.
#pragma once

#include <QtWidgets/QApplication>
#include <functional>

#include "core/base/error.h"

namespace graticule {

class Application final : public QApplication {
public:
    using Failure = std::function<void(const ErrorInfo&)>;
    using QApplication::QApplication;

    /// Who is told; until somebody is, and again after, exceptions pass through to `main`.
    void setFailureHandler(Failure failure) { failure_ = std::move(failure); }
    bool notify(QObject* receiver, QEvent* event) override;

    /// Runs `handle`; what it throws is told to `failure`, if there is one, and the event counts as not handled.
    static bool guarded(const std::function<bool()>& handle, const Failure& failure);

private:
    Failure failure_;
};

} // namespace graticule
