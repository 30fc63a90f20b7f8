#include "app/session/keeper.h"

#include <algorithm>
#include <utility>

#include "core/base/error.h"

namespace graticule {

Keeper::Keeper()
    : thread_([this](const std::stop_token& stop) { work_until(stop); }) {}

Keeper::~Keeper() { finish(); }

void Keeper::deliver(const QPointer<QObject>& receiver, std::function<void()> call) {
    // It waits for the event loop of the receiver, which drops it when it goes.
    if (QObject* there = receiver) QMetaObject::invokeMethod(there, std::move(call), Qt::QueuedConnection);
}

void Keeper::keep(const QString& file, std::function<void()> write, QObject* receiver,
                  std::function<void(const QString& why)> failed, std::function<void()> kept) {
    const QPointer<QObject> pointer(receiver);
    Work work{
        file,
        std::move(write),
        [pointer, failed = std::move(failed)](const QString& why) { deliver(pointer, [failed, why] { failed(why); }); },
        {}};
    if (kept) work.kept = [pointer, kept = std::move(kept)] { deliver(pointer, kept); };
    queue(std::move(work));
}

void Keeper::queue(Work work) {
    const std::lock_guard lock(mutex_);
    if (!work.file.isEmpty()) std::erase_if(waiting_, [&](const Work& older) { return older.file == work.file; });
    waiting_.push_back(std::move(work));
    changed_.notify_all();
}

bool Keeper::idle() {
    const std::lock_guard lock(mutex_);
    return waiting_.empty() && !writing_;
}

void Keeper::finish() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return waiting_.empty() && !writing_; });
}

QStringList Keeper::problems() {
    const std::lock_guard lock(mutex_);
    QStringList all;
    for (const auto& [file, problem] : problems_) all << problem.why;
    return all;
}

void Keeper::retry() {
    const std::lock_guard lock(mutex_);
    for (const auto& [file, problem] : problems_) {
        const auto same = [&](const Work& newer) { return newer.file == file; };
        if (std::ranges::none_of(waiting_, same)) waiting_.push_back(problem.work);
    }
    changed_.notify_all();
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
        if (!problem.isEmpty())
            work.failed(problem);
        else if (work.kept)
            work.kept();
        const QString file = work.file;
        Problem found;
        if (!problem.isEmpty() && !file.isEmpty()) found = {problem, std::move(work)};
        work = {}; // what it holds goes before anybody is told
        const std::lock_guard lock(mutex_);
        if (found.why.isEmpty())
            problems_.erase(file);
        else
            problems_.insert_or_assign(file, std::move(found));
        writing_ = false;
        changed_.notify_all();
    }
}

} // namespace graticule
