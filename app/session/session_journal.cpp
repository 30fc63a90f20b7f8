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
        journal_.keep(modelFile(), runs_);
    } catch (const Error& error) { // the runs are still here; only a kill would lose them
        Q_EMIT logged(tr("Finished runs were not kept: %1").arg(QString::fromStdString(error.info().text())));
    }
}

void Session::restoreRuns() {
    const QString file = journal_.file(modelFile());
    if (!QFileInfo::exists(file)) return;
    // An untitled job: first in the queue, so it is there before any new run ends; and the model's hash, which says
    // whether it is the same model, reads all of its weights.
    jobs_.submit<std::vector<Run>>(
        {},
        [journal = journal_, path = modelFile(), model = model()](JobContext&) {
            std::vector<Run> runs = journal.read(path);
            std::erase_if(runs, [&](const Run& run) { return run.evaluation->provenance.model_hash != model->hash(); });
            return std::make_shared<const std::vector<Run>>(std::move(runs));
        },
        [this, file, model = model()](std::shared_ptr<const std::vector<Run>> runs) {
            if (model != this->model() || runs->empty()) return;
            for (Run run : *runs) {
                run.id = ++last_run_;
                run.colour = run.full_precision ? 0 : nextColour();
                if (baseline_ == 0) baseline_ = run.id;
                runs_.push_back(std::move(run));
            }
            Q_EMIT logged(tr("%n finished run(s) of %1 are back", nullptr, static_cast<int>(runs->size()))
                              .arg(QFileInfo(file).lastModified().toString(Qt::ISODate)));
            Q_EMIT runsChanged();
        },
        [this](const JobView& job) {
            if (job.state == JobState::failed)
                Q_EMIT logged(tr("Earlier runs were not read: %1").arg(QString::fromStdString(job.error.text())));
        });
}

} // namespace graticule
