#include "app/session/keeper.h"

#include <QtCore/QPointer>
#include <utility>

#include "core/base/error.h"

namespace graticule {

Keeper::Keeper()
    : thread_([this](const std::stop_token& stop) { work_until(stop); }) {}

Keeper::~Keeper() { finish(); }

void Keeper::keep(const QString& file, std::function<void()> write, QObject* receiver,
                  std::function<void(const QString& why)> failed) {
    // Errors wait for the event loop of the receiver, which drops them when it goes.
    auto tell = [pointer = QPointer(receiver), failed = std::move(failed)](const QString& why) {
        if (QObject* there = pointer)
            QMetaObject::invokeMethod(
                there, [failed, why] { failed(why); }, Qt::QueuedConnection);
    };
    const std::lock_guard lock(mutex_);
    std::erase_if(waiting_, [&](const Work& work) { return work.file == file; });
    waiting_.push_back({file, std::move(write), std::move(tell)});
    changed_.notify_all();
}

void Keeper::finish() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return waiting_.empty() && !writing_; });
}

QStringList Keeper::problems() {
    const std::lock_guard lock(mutex_);
    QStringList all;
    for (const auto& [file, problem] : problems_) all << problem;
    return all;
}

void Keeper::work_until(const std::stop_token& stop) {
    for (;;) {
        Work work;
        {
            std::unique_lock lock(mutex_);
            if (!changed_.wait(lock, stop, [this] { return !waiting_.empty(); })) return;
            work = std::move(waiting_.front());
            waiting_.erase(waiting_.begin());
            writing_ = true;
        }
        QString problem;
        try {
            work.write();
        } catch (const Error& error) {
            problem = QString::fromStdString(error.info().text());
        } catch (const std::exception& error) {
            problem = QString::fromUtf8(error.what());
        }
        if (!problem.isEmpty()) work.failed(problem);
        const QString file = work.file;
        work = {};
        const std::lock_guard lock(mutex_);
        if (problem.isEmpty())
            problems_.erase(file);
        else
            problems_[file] = problem;
        writing_ = false;
        changed_.notify_all();
    }
}

} // namespace graticule
