// The session as a file holds it, and back.
#include <QtCore/QFileInfo>
#include <algorithm>

#include "app/session/recent_models.h"
#include "app/session/session.h"
#include "app/session/session_file.h"
#include "core/recipe/recipe_text.h"

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
    file.calibrated = stats_complete_ || calibration_wanted_;
    file.recipe = recipe();
    file.recipe_text = QString::fromStdString(history_.text());
    file.history = history_.steps();
    file.history_at = history_.position();
    file.reference = reference_;
    RunList::Saved saved = runs_.toSave();
    file.runs = std::move(saved.runs);
    file.stopped = std::move(saved.stopped);
    file.baseline = saved.baseline;
    file.decisions = merged(pending_decisions_, decisions()); // what there is one of is newer here
    for (const LayerId layer : selection_) file.selection << QString::fromStdString(model()->linear(layer).short_name);
    return file;
}

void Session::restore(const SessionFile& file) {
    takeRecipe(file);
    runs_.restore({file.runs, file.stopped, file.baseline}); // before the calibration, which takes its time
    pending_decisions_ = file.decisions;
    if (!file.decisions.empty()) takeDecisions([decisions = file.decisions] { return decisions; });
    takeCalibration(file);
}

void Session::takeWork(const SessionFile& file) {
    takeRecipe(file);
    takeCalibration(file);
}

void Session::takeRecipe(const SessionFile& file) {
    // Only a text that says the same as the recipe is its text.
    history_.reset(file.recipe, tr("session"), with_recipe(file.recipe_text.toStdString(), file.recipe));
    if (!file.history.empty() && file.history[file.history_at].recipe == file.recipe)
        history_.restore(file.history, file.history_at);
    setReference(file.reference);
    recipeWasChanged();
    if (const auto layers = layersNamed(file.selection); !layers.empty()) select(layers);
    calibration_wanted_ = file.calibrated;
}

void Session::takeCalibration(const SessionFile& file) {
    if (file.calibrated) // the settings make the statistics again
        calibrateInto(std::make_shared<Calibrated>(), recipe().calibration, QStringLiteral("calibrate"), settled());
}

} // namespace graticule
