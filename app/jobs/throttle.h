// Partial results on their way to the window: at most one delivery every `interval`, the newest wins. Deliveries stop
// with `context`, not with the throttle, which may go at once. `offer` may be called from any thread while `context`
// lives.
//
//     Throttle<Evaluation> throttle(runner, 100ms, [this](const Evaluation& so_far) { ... });
//     on_window = [offer = throttle.handle()](const Evaluation& so_far) { offer(so_far); };
#pragma once

#include <QtCore/QMetaObject>
#include <QtCore/QObject>
#include <QtCore/QTimer>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

namespace graticule {

template <class T>
class Throttle {
public:
    using Deliver = std::function<void(const T&)>;

    /// Deliveries run on `context`'s thread and stop with it.
    Throttle(QObject* context, std::chrono::milliseconds interval, Deliver deliver)
        : shared_(std::make_shared<Shared>()) {
        shared_->context = context;
        shared_->interval = interval;
        shared_->deliver = std::move(deliver);
    }

    /// A copyable function that keeps what is needed alive; hand it to the job.
    [[nodiscard]] std::function<void(T)> handle() const {
        return [shared = shared_](T value) { offer(shared, std::move(value)); };
    }

private:
    struct Shared {
        std::mutex mutex; // guards newest and scheduled
        std::optional<T> newest;
        bool scheduled = false;
        QObject* context = nullptr;
        std::chrono::milliseconds interval{100};
        std::chrono::steady_clock::time_point last{};
        Deliver deliver;
    };

    static void offer(const std::shared_ptr<Shared>& shared, T value) {
        {
            const std::lock_guard lock(shared->mutex);
            shared->newest = std::move(value);
            if (shared->scheduled) return;
            shared->scheduled = true;
        }
        QMetaObject::invokeMethod(
            shared->context, [shared] { schedule(shared); }, Qt::QueuedConnection);
    }

    static void schedule(const std::shared_ptr<Shared>& shared) { // on the context's thread
        const auto since = std::chrono::steady_clock::now() - shared->last;
        const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(shared->interval - since);
        if (wait.count() <= 0) return deliver(shared);
        QTimer::singleShot(wait, shared->context, [shared] { deliver(shared); });
    }

    static void deliver(const std::shared_ptr<Shared>& shared) {
        std::optional<T> value;
        {
            const std::lock_guard lock(shared->mutex);
            value.swap(shared->newest);
            shared->scheduled = false;
        }
        shared->last = std::chrono::steady_clock::now();
        if (value) shared->deliver(*value);
    }

    std::shared_ptr<Shared> shared_;
};

} // namespace graticule
