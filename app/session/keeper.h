// Writes and reads what is kept of a session beside the window: a disk that takes its time must not hold up the event
// loop. All of a session goes through one keeper, in order, so that what is read there is what was written last.
//
//     keeper->keep(path, [journal, runs] { journal.keep(path, runs); }, this, [this](const QString& why) { ... });
//     keeper->ask<Draft>([] { return read(path); }, this, [this](const Draft& draft) { ... });
//     keeper->finish();      // at the very end, or from a job's thread: all is on the disk
#pragma once

#include <QtCore/QObject>
#include <QtCore/QPointer>
#include <QtCore/QStringList>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace graticule {

class Keeper {
public:
    Keeper();
    ~Keeper(); ///< what waits is written first
    Keeper(const Keeper&) = delete;
    Keeper& operator=(const Keeper&) = delete;

    /// Runs `write` in the keeper's thread, after what was given before. What still waits for `file` is newer now and
    /// is left out. When it is on the disk `kept` is called, and an Error that `write` throws goes to `failed`, both in
    /// the thread of `receiver`, if that is still there then.
    void keep(const QString& file, std::function<void()> write, QObject* receiver,
              std::function<void(const QString& why)> failed, std::function<void()> kept = {});
    /// Runs `work` in the keeper's thread, after what was given before, and hands what it gives to `take` in the thread
    /// of `receiver`, if that is still there then. What `work` throws is nobody's business.
    template <class T>
    void ask(std::function<T()> work, QObject* receiver, std::function<void(const T&)> take) {
        queue({{},
               [work = std::move(work), pointer = QPointer(receiver), take = std::move(take)] {
                   deliver(pointer, [take, answer = std::make_shared<const T>(work())] { take(*answer); });
               },
               [](const QString&) {},
               {}});
    }
    [[nodiscard]] bool idle(); ///< nothing waits and nothing is under way
    /// Returns when it is idle. From any thread but the keeper's, and not from one that must not wait for a disk.
    void finish();
    /// Why the newest of some file is not on the disk, one text per file; empty: all is.
    [[nodiscard]] QStringList problems();
    void retry(); ///< what is not on the disk

private:
    struct Work {
        QString file; ///< empty: of none, and never left out
        std::function<void()> write;
        std::function<void(const QString& why)> failed;
        std::function<void()> kept; ///< empty: nobody is told
    };
    static void deliver(const QPointer<QObject>& receiver, std::function<void()> call);
    void queue(Work work);
    void work_until(const std::stop_token& stop);

    std::mutex mutex_; ///< guards the next four
    std::condition_variable_any changed_;
    std::vector<Work> waiting_;
    bool writing_ = false;
    struct Problem {
        QString why;
        Work work; ///< once more
    };
    std::map<QString, Problem> problems_; ///< by file
    std::jthread thread_;                 ///< last: it uses all of the above
};

} // namespace graticule
