// The session as a file holds it, and back.
#include <QtCore/QFileInfo>
#include <algorithm>

#include "app/session/recent_models.h"
#include "app/session/session.h"
#include "app/session/session_file.h"

namespace graticule {

namespace {
/// A shipped model by its name: it is somewhere else on every machine. Names that are no paths stay as they are.
QString lasting_path(const QString& path) {
    if (!QFileInfo::exists(path)) return path;
    const QString full = QFileInfo(path).absoluteFilePath();
    for (const RecentModel& sample : shipped_models())
        if (QFileInfo(sample.path).absoluteFilePath() == full) return sample.name;
    return full;
}
} // namespace

SessionFile Session::toFile() const {
    SessionFile file;
    file.model = lasting_path(model_path_);
    file.calibrated = stats_complete_ || pending_.calibrated;
    file.recipe = recipe();
    file.reference = reference_;
    for (const Run& run : runs_) {
        if (!run.finished()) continue;
        if (run.id == baseline_) file.baseline = static_cast<int>(file.runs.size());
        file.runs.push_back(run);
    }
    for (std::size_t i = 0; i < pending_.runs.size(); ++i) {
        const Run& run = pending_.runs[i];
        auto there = find_result(file.runs, run);
        if (there == file.runs.end()) there = file.runs.insert(there, run);
        if (static_cast<int>(i) == pending_.baseline) file.baseline = static_cast<int>(there - file.runs.begin());
    }
    for (const LayerId layer : selection_) file.selection << QString::fromStdString(model()->linear(layer).short_name);
    return file;
}

void Session::restore(const SessionFile& file) {
    history_.reset(file.recipe, tr("session"));
    setReference(file.reference);
    recipeWasChanged();
    std::vector<LayerId> layers;
    for (const QString& name : file.selection)
        if (const auto layer = model()->find_linear(name.toStdString())) layers.push_back(*layer);
    if (!layers.empty()) select(layers);
    pending_ = {file.runs, file.baseline, file.calibrated};
    restorePending();
    if (file.calibrated) // the settings make the statistics again
        calibrateInto(std::make_shared<Calibrated>(), recipe().calibration, QStringLiteral("calibrate"));
}

// An untitled job, after the one that brings the journal's runs: the model's hash reads all of its weights.
void Session::restorePending() {
    if (pending_.runs.empty()) return Q_EMIT restored();
    jobs_.submit<std::string>(
        {}, [model = model()](JobContext& ctx) { return std::make_shared<const std::string>(model->hash(ctx)); },
        [this, model = model()](std::shared_ptr<const std::string> hash) {
            if (model == this->model()) takePending(*hash);
        },
        [this, model = model()](const JobView& job) {
            if (job.state == JobState::done || model != this->model()) return;
            Q_EMIT logged(tr("Runs of the session were not taken over: %1. Saving the session keeps them; opening it "
                             "again shows them.")
                              .arg(job.state == JobState::failed ? QString::fromStdString(job.error.text())
                                                                 : tr("reading the model was cancelled")));
        });
}

void Session::takePending(const std::string& model_hash) {
    int others = 0;
    for (std::size_t i = 0; i < pending_.runs.size(); ++i) {
        const Run& run = pending_.runs[i];
        if (run.evaluation->provenance.model_hash != model_hash) {
            ++others;
            continue;
        }
        auto there = find_result(runs_, run);
        if (there == runs_.end()) {
            const int colour = run.full_precision ? 0 : nextColour();
            there = runs_.insert(there, run);
            there->id = ++last_run_;
            there->colour = colour;
        }
        if (static_cast<int>(i) == pending_.baseline || baseline_ == 0) baseline_ = there->id;
    }
    pending_.runs.clear();
    pending_.baseline = -1;
    if (others > 0)
        Q_EMIT logged(
            tr("%n run(s) of the session left out: the model at that path is another one now", nullptr, others));
    keepRuns();
    Q_EMIT runsChanged();
    Q_EMIT restored();
}

} // namespace graticule
