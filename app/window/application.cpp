#include "app/window/application.h"

#include "core/runtime/torch_error.h"

namespace graticule {

bool Application::guarded(const std::function<bool()>& handle, const Failure& failure) {
    try {
        return handle();
    } catch (...) {
        if (!failure) throw;
        failure(current_error());
        return false;
    }
}

bool Application::notify(QObject* receiver, QEvent* event) {
    return guarded([&] { return QApplication::notify(receiver, event); }, failure_);
}

} // namespace graticule
