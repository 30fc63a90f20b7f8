// Runs that were finished before: kept when one ends, shown again when the same model is opened.
#include <QtCore/QDateTime>
#include <QtCore/QFileInfo>
#include <algorithm>

#include "app/session/session.h"

namespace graticule {

QString Session::modelFile() const { return QString::fromStdString(model()->parts().path.string()); }

int Session::nextColour() const {
    int colour = 0; // full precision's
    for (const Run& run : runs_) colour = std::max(colour, run.colour);
    return colour + 1;
}

void Session::keepRuns() {
    try {
        if (!journal_taken_) takeUnreadJournal();
        std::vector<Run> runs = runs_;
        runs.insert(runs.end(), other_runs_.begin(), other_runs_.end());
        journal_.keep(modelFile(), runs);
    } catch (const Error& error) { // the runs are still here; only a kill would lose them
        Q_EMIT logged(tr("Finished runs were not kept: %1").arg(QString::fromStdString(error.info().text())));
    }
}

// Reading it was cancelled or failed, and now it is to be written over: what it holds is carried on, and what nobody
// can read is renamed.
void Session::takeUnreadJournal() {
    std::vector<Run> there;
    try {
        there = journal_.read(modelFile());
    } catch (const Error& error) {
        const QString aside = journal_.putAside(modelFile());
        Q_EMIT logged(tr("%1. That file is now %2.")
                          .arg(QString::fromStdString(error.info().text()), QFileInfo(aside).fileName()));
    }
    for (Run& run : there)
        if (find_result(runs_, run) == runs_.end()) other_runs_.push_back(std::move(run));
    journal_taken_ = true;
}

void Session::restoreRuns() {
    const QString file = journal_.file(modelFile());
    if (!QFileInfo::exists(file)) {
        journal_taken_ = true;
        return;
    }
    struct Kept {
        std::vector<Run> of_model, others;
    };
    // An untitled job: first in the queue, so it is there before any new run ends; and the model's hash, which says
    // whether it is the same model, reads all of its weights.
    jobs_.submit<Kept>(
        {},
        [journal = journal_, path = modelFile(), model = model()](JobContext& ctx) {
            Kept kept;
            for (Run& run : journal.read(path))
                (run.evaluation->provenance.model_hash == model->hash(ctx) ? kept.of_model : kept.others)
                    .push_back(std::move(run));
            return std::make_shared<const Kept>(std::move(kept));
        },
        [this, file, model = model()](std::shared_ptr<const Kept> kept) {
            if (model != this->model()) return;
            other_runs_ = kept->others;
            journal_taken_ = true;
            if (kept->of_model.empty()) return;
            for (Run run : kept->of_model) {
                run.id = ++last_run_;
                run.colour = run.full_precision ? 0 : nextColour();
                if (baseline_ == 0) baseline_ = run.id;
                runs_.push_back(std::move(run));
            }
            Q_EMIT logged(tr("%n finished run(s) of %1 are back", nullptr, static_cast<int>(kept->of_model.size()))
                              .arg(QFileInfo(file).lastModified().toString(Qt::ISODate)));
            Q_EMIT runsChanged();
        },
        [this, model = model()](const JobView& job) {
            if (job.state == JobState::done || model != this->model()) return;
            Q_EMIT logged(job.state == JobState::failed
                              ? tr("Earlier runs were not read: %1").arg(QString::fromStdString(job.error.text()))
                              : tr("Reading earlier runs was cancelled; they are still kept"));
        });
}

} // namespace graticule
