// Finished runs on disk, so that killing the program loses nothing that was done: one file a model, rewritten whole
// (aside, then renamed) whenever a run ends. Quantized weights are not kept; the recipe makes them again.
#pragma once

#include <QtCore/QString>
#include <vector>

#include "app/session/run.h"

namespace graticule {

class RunJournal {
public:
    /// `folder` empty: nothing is kept.
    explicit RunJournal(QString folder = {})
        : folder_(std::move(folder)) {}

    /// The finished ones of `runs`, of the model opened from `model_path`. Throws Error{bad_input} naming the file.
    void keep(const QString& model_path, const std::vector<Run>& runs) const;
    /// What was kept; without ids, colours and jobs. Throws Error{bad_input} for a file that cannot be read. Runs whose
    /// provenance names another model are not shown but kept: the file at that path may have changed, or several
    /// models share one folder.
    [[nodiscard]] std::vector<Run> read(const QString& model_path) const;
    /// Renames a journal that cannot be read instead of writing over it, and says what it is called now.
    QString putAside(const QString& model_path) const;
    [[nodiscard]] QString file(const QString& model_path) const; ///< empty: nothing is kept

private:
    QString folder_;
};

} // namespace graticule
