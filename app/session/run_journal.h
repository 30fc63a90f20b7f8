// Runs on disk, so that killing the program loses nothing that was done a moment ago (Keeper): one file per model,
// rewritten whole (aside, then renamed) when a run is asked for and when it ends, and now and then while it is
// evaluated. Several windows may have one journal: each reads, merges and writes it under a lock. Quantized weights are
// not kept; the recipe makes them again.
#pragma once

#include <QtCore/QString>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "app/session/run.h"
#include "app/session/window_mark.h"

namespace graticule {

class RunJournal {
public:
    /// `folder` empty: nothing is kept. Copies are of one window.
    explicit RunJournal(QString folder = {})
        : folder_(std::move(folder))
        , known_(std::make_shared<Known>()) {}

    /// Those of `runs` that are finished or were asked for, begun or not, of the model opened from `model_path`; and
    /// those that another window has written since (same_result() tells), but not those that this window has read or
    /// written before and no longer has. Those that are alive are marked as this window's. Throws Error{bad_input}
    /// naming the file. What cannot be read there is renamed first; returns its new name, as a rule empty.
    QString keep(const QString& model_path, const std::vector<Run>& runs) const;
    /// What was kept, of the model of this hash (empty: of any); without ids, colours and jobs. Of those that were not
    /// finished Run::in_another_window says whether one is at them now. Throws Error{bad_input} for a file that
    /// cannot be read. Runs of another model at that path are like another window's: the file there may have changed,
    /// or several models share one folder. What was asked for before the hash was known is of whatever is there.
    [[nodiscard]] std::vector<Run> read(const QString& model_path, const std::string& model_hash = {}) const;
    [[nodiscard]] QString file(const QString& model_path) const; ///< empty: nothing is kept
    /// A file or folder beside the journal for what can be made again; empty: nothing is kept.
    [[nodiscard]] QString beside(const char* name) const;
    /// Where the blocks of the quantization under way are kept, of whatever model; empty: nowhere.
    [[nodiscard]] QString quantizationFile() const { return beside("quantization"); }
    [[nodiscard]] WindowMark& mark() const { return known_->mark; }

private:
    struct Known { ///< read and written from the window's thread and from that of its jobs
        std::mutex mutex;
        std::map<QString, std::vector<Run>> runs; ///< by file: all that this window has seen there
        WindowMark mark;
    };
    void remember(const QString& path, const std::vector<Run>& runs) const;

    QString folder_;
    std::shared_ptr<Known> known_;
};

/// Calls `read`, which reads the file at `path`. One that cannot be read is renamed, so that nothing is written over it;
/// its new name, as a rule empty. Throws Error{bad_input} naming the file.
QString read_or_put_aside(const QString& path, const std::function<void()>& read);

} // namespace graticule
