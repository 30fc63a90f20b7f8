#include "app/session/draft.h"

#include <QtCore/QDir>
#include <QtCore/QFile>
#include <QtCore/QFileInfo>
#include <QtCore/QObject>

#include "app/session/run_names.h"
#include "core/base/error.h"

namespace graticule {

namespace {
QString tr(const char* text) { return QObject::tr(text); }

QString contents_of(const SessionFile& file) {
    const std::size_t steps = file.history_at;
    QString text = steps == 0   ? tr("no change of the recipe")
                   : steps == 1 ? tr("1 step of the recipe: %1").arg(file.history[1].name)
                                : tr("%1 steps of the recipe, the last: %2").arg(steps).arg(file.history[steps].name);
    for (const Run& run : file.stopped)
        text += tr("; “%1” at window %2 of %3")
                    .arg(run.name)
                    .arg(run.evaluation->window_losses.size())
                    .arg(run.evaluation->protocol.windows_used);
    if (file.calibrated) text += QStringLiteral("; ") + calibration_text(file.recipe.calibration);
    if (!file.notes.isEmpty()) text += tr("; notes");
    return text;
}

std::optional<Draft::Found> read_draft(const QString& path) {
    if (!QFileInfo::exists(path)) return std::nullopt;
    try {
        Draft::Found found{read_session(path), QFileInfo(path).lastModified(), {}};
        if (found.file.history.empty() || (found.file.history_at == 0 && !found.file.calibrated &&
                                           found.file.stopped.empty() && found.file.notes.isEmpty()))
            return std::nullopt;
        found.contents = contents_of(found.file);
        return found;
    } catch (const Error&) { // of another version, or damaged: a draft is an offer, not a duty
        return std::nullopt;
    }
}
} // namespace

QString Draft::file(const QString& model_path, const char* kind) const {
    QString path = journal_.file(model_path);
    if (path.isEmpty()) return path;
    path.chop(static_cast<qsizetype>(qstrlen(".json")));
    return path + QLatin1String(kind) + QLatin1String(session_suffix);
}

void Draft::keep(const QString& model_path, SessionFile file) const {
    const QString path = this->file(model_path, "-draft");
    if (path.isEmpty()) return;
    file.runs.clear();
    file.baseline = -1;
    file.decisions = {};
    QDir().mkpath(QFileInfo(path).absolutePath()); // where it fails, writing says so
    write_session(path, std::move(file));
}

std::optional<Draft::Found> Draft::take(const QString& model_path) const {
    const QString draft = file(model_path, "-draft"), offered = file(model_path, "-offered");
    if (draft.isEmpty()) return std::nullopt;
    if (QFileInfo::exists(draft)) {
        QFile::remove(offered);
        QFile::rename(draft, offered);
    }
    return read_draft(offered);
}

void Draft::discard(const QString& model_path) const {
    if (const QString path = file(model_path, "-offered"); !path.isEmpty()) QFile::remove(path);
}

QString Draft::summary(const QString& model_path) const {
    for (const char* kind : {"-draft", "-offered"})
        if (const auto found = read_draft(file(model_path, kind)))
            return tr("unsaved work of %1: %2")
                .arg(found->when.toString(QStringLiteral("yyyy-MM-dd HH:mm")), found->contents);
    return {};
}

} // namespace graticule
