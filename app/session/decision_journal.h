// What was found of the open model beside its runs (Decisions), on disk beside their journal: what took minutes to
// measure is there again when the model is opened the next time. One file per model, rewritten whole (aside, then
// renamed) under the journal's lock.
#pragma once

#include <QtCore/QString>

#include "app/session/decisions_json.h"
#include "app/session/run_journal.h"

namespace graticule {

class DecisionJournal {
public:
    /// Beside `runs`; one that keeps nothing keeps no decisions either.
    explicit DecisionJournal(RunJournal runs)
        : runs_(std::move(runs)) {}

    static constexpr std::size_t most_searches = 100; ///< of one model; the oldest go first

    /// With what another window has kept meanwhile. What cannot be read there is renamed first; returns its new name,
    /// as a rule empty. Throws Error{bad_input} naming the file.
    QString keep(const QString& model_path, const Decisions& ours) const;
    /// What was kept, of whatever model stood at that path. Throws Error{bad_input} for a file that cannot be read.
    [[nodiscard]] Decisions read(const QString& model_path) const;
    [[nodiscard]] QString file(const QString& model_path) const; ///< empty: nothing is kept

private:
    RunJournal runs_;
};

} // namespace graticule
