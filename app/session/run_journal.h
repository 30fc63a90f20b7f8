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
    /// What was kept; without ids, colours and jobs. Throws Error{bad_input} for a file that cannot be read. The caller
    /// leaves out runs whose provenance names another model: the file at that path may have changed.
    [[nodiscard]] std::vector<Run> read(const QString& model_path) const;
    [[nodiscard]] QString file(const QString& model_path) const; ///< empty: nothing is kept

private:
    QString folder_;
};

} // namespace graticule
