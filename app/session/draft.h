// Work that nobody saved: the recipe with its history, the selection and the view, written a moment after each change
// beside the journal of runs. A kill loses nothing, and another model's opening drops nothing: the next time the model
// is opened, what is there is offered with its time and contents. Every window writes drafts of its own, one for each
// time that it opened a model, so that none is written over by another; those of windows that are still open are
// theirs. Called from the keeper's thread, but for begin() and file().
#pragma once

#include <QtCore/QDateTime>
#include <QtCore/QString>
#include <vector>

#include "app/session/run_journal.h"
#include "app/session/session_file.h"

namespace graticule {

/// Whether both say the same, but for how it stood on the screen and for what was run.
[[nodiscard]] bool same_work(const SessionFile& a, const SessionFile& b);

/// Without what the journals keep: runs and decisions.
[[nodiscard]] SessionFile work_alone(SessionFile file);

class Draft {
public:
    /// Beside `journal`, and of its window; one that keeps nothing keeps no drafts either.
    explicit Draft(RunJournal journal);

    struct Found {
        QString path;
        SessionFile file; ///< `saved_as`: that session file says the same now
        QDateTime when;   ///< of its last change
        QString contents; ///< "5 steps of the recipe, the last: dINT4 on 8 linears; calibrated 8 × 512"
        QString window;   ///< WindowMark of the one that left it
    };
    struct There {
        std::vector<Found> found; ///< changed last first
        int of_open_windows = 0;  ///< which are theirs
        int dropped = 0;          ///< the oldest, of more than anybody goes back to
    };

    /// What is kept from now on is another draft: what was kept until now is found by find(), as that of other windows.
    void begin() { ++number_; }
    /// Of this window, since begin().
    [[nodiscard]] QString file(const QString& model_path) const;
    /// Written aside, then renamed; where nothing was made, what was kept goes. Without what the journals keep
    /// (work_alone). `file.saved_as`: where the same was saved; `file.changed`: when the work changed last. Throws
    /// Error{bad_input} naming the file.
    void keep(const QString& model_path, SessionFile file) const;
    /// What windows that are gone left, and this one before begin(); the same work once. What cannot be read is left
    /// alone.
    [[nodiscard]] There find(const QString& model_path) const;
    /// A line about the newest of them; empty: there is none.
    [[nodiscard]] QString summary(const QString& model_path) const;

private:
    [[nodiscard]] QString stem(const QString& model_path) const; ///< empty: nothing is kept
    RunJournal journal_;
    int number_ = 1;
};

} // namespace graticule
