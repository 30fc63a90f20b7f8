// Writes what is kept of a session beside the window: a disk that takes its time must not hold up the event loop while one
// works. Who reads such a file waits for it, at the opening of a model.
//
//     keeper->keep(path, [journal, runs] { journal.keep(path, runs); }, [this](const QString& why) { ... });
//     keeper->finish();      // before the file is read: all is on the disk
#pragma once

#include <QtCore/QObject>
#include <QtCore/QStringList>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace graticule {

class Keeper {
public:
    Keeper();
    ~Keeper(); ///< what waits is written first
    Keeper(const Keeper&) = delete;
    Keeper& operator=(const Keeper&) = delete;

    /// Runs `write` in the keeper's thread, after what was given before. What still waits for `file` is newer now and is
    /// left out. An Error that `write` throws goes to `failed` in the thread of `receiver`, if that is still there then.
    void keep(const QString& file, std::function<void()> write, QObject* receiver,
              std::function<void(const QString& why)> failed);
    /// Returns when nothing waits and nothing is under way. From any thread but the keeper's.
    void finish();
    /// Why the newest of some file is not on the disk, one text per file; empty: all is.
    [[nodiscard]] QStringList problems();

private:
    struct Work {
        QString file;
        std::function<void()> write;
        std::function<void(const QString& why)> failed;
    };
    void work_until(const std::stop_token& stop);

    std::mutex mutex_; ///< guards the next four
    std::condition_variable_any changed_;
    std::vector<Work> waiting_;
    bool writing_ = false;
    std::map<QString, QString> problems_; ///< by file
    std::jthread thread_;                 ///< last: it uses all of the above
};

} // namespace graticule
