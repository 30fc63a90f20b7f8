// Work that nobody saved: the recipe with its history, the selection and the view, written a moment after each change
// beside the journal of runs. A kill loses nothing, and another model's opening drops nothing: the next time the model
// is opened, what is there is offered with its time and contents.
#pragma once

#include <QtCore/QDateTime>
#include <QtCore/QString>
#include <optional>

#include "app/session/run_journal.h"
#include "app/session/session_file.h"

namespace graticule {

class Draft {
public:
    /// Beside `journal`; one that keeps nothing keeps no drafts either.
    explicit Draft(RunJournal journal)
        : journal_(std::move(journal)) {}

    struct Found {
        SessionFile file;
        QDateTime when;
        QString contents; ///< "5 steps of the recipe, the last: dINT4 on 8 linears; calibrated 8 × 512"
    };

    /// Written aside, then renamed. Runs and decisions are the journals' and left out. Throws Error{bad_input} naming
    /// the file.
    void keep(const QString& model_path, SessionFile file) const;
    /// What was kept when the model was open before; absent: nothing, or nothing that can be read. From now on it is
    /// the offered one, which a new draft does not write over.
    [[nodiscard]] std::optional<Found> take(const QString& model_path) const;
    /// Forgets what take() gave.
    void discard(const QString& model_path) const;
    /// A line about what is kept, without taking it; empty: nothing.
    [[nodiscard]] QString summary(const QString& model_path) const;

private:
    [[nodiscard]] QString file(const QString& model_path, const char* kind) const;
    RunJournal journal_;
};

} // namespace graticule
