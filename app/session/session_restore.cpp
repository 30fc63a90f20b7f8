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

bool same_result(const Run& a, const Run& b) {
    return a.evaluation && b.evaluation && a.full_precision == b.full_precision && a.recipe == b.recipe &&
           a.evaluation->protocol == b.evaluation->protocol &&
           a.evaluation->window_losses == b.evaluation->window_losses;
}
} // namespace

SessionFile Session::toFile() const {
    SessionFile file;
    file.model = lasting_path(model_path_);
    file.calibrated = stats_complete_;
    file.recipe = recipe();
    file.reference = reference_;
    for (const Run& run : runs_) {
        if (!run.finished()) continue;
        if (run.id == baseline_) file.baseline = static_cast<int>(file.runs.size());
        file.runs.push_back(run);
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
    restoreRunsOf(file);
    if (file.calibrated) // the settings make the statistics again
        calibrateInto(std::make_shared<Calibrated>(), recipe().calibration, QStringLiteral("calibrate"));
}

// An untitled job, after the one that brings the journal's runs: the model's hash reads all of its weights.
void Session::restoreRunsOf(const SessionFile& file) {
    if (file.runs.empty()) return;
    jobs_.submit<std::string>(
        {}, [model = model()](JobContext&) { return std::make_shared<const std::string>(model->hash()); },
        [this, runs = file.runs, baseline = file.baseline, model = model()](std::shared_ptr<const std::string> hash) {
            if (model != this->model()) return;
            int others = 0;
            for (std::size_t i = 0; i < runs.size(); ++i) {
                if (runs[i].evaluation->provenance.model_hash != *hash) {
                    ++others;
                    continue;
                }
                auto there =
                    std::find_if(runs_.begin(), runs_.end(), [&](const Run& run) { return same_result(run, runs[i]); });
                if (there == runs_.end()) {
                    runs_.push_back(runs[i]);
                    there = std::prev(runs_.end());
                    there->id = ++last_run_;
                    there->colour = there->full_precision ? 0 : nextColour();
                }
                if (static_cast<int>(i) == baseline || baseline_ == 0) baseline_ = there->id;
            }
            if (others > 0)
                Q_EMIT logged(tr("%n run(s) of the session left out: the model at that path is another one now",
                                 nullptr, others));
            keepRuns();
            Q_EMIT runsChanged();
        },
        [this](const JobView& job) {
            if (job.state == JobState::failed)
                Q_EMIT logged(
                    tr("Runs of the session were not read: %1").arg(QString::fromStdString(job.error.text())));
        });
}

} // namespace graticule
