#include "app/session/draft.h"

#include <QtCore/QDir>
#include <QtCore/QFile>
#include <QtCore/QFileInfo>
#include <QtCore/QObject>
#include <algorithm>
#include <optional>

#include "app/session/run_names.h"
#include "core/base/error.h"

namespace graticule {

namespace {
constexpr std::size_t most_found = 20;

QString tr(const char* text) { return QObject::tr(text); }

/// Whether somebody made what would be missed: a model that was merely looked at leaves nothing behind.
bool holds_work(const SessionFile& file) { return file.history.size() > 1 || file.calibrated || !file.notes.isEmpty(); }

QString contents_of(const SessionFile& file) {
    const std::size_t steps = file.history_at, undone = file.history.size() - 1 - file.history_at;
    QString text = steps == 0   ? tr("no change of the recipe")
                   : steps == 1 ? tr("1 step of the recipe: %1").arg(file.history[1].name)
                                : tr("%1 steps of the recipe, the last: %2").arg(steps).arg(file.history[steps].name);
    if (undone > 0) text += tr(" (%1 undone)").arg(undone);
    if (file.calibrated) text += QStringLiteral("; ") + calibration_text(file.recipe.calibration);
    if (!file.notes.isEmpty()) text += tr("; notes");
    return text;
}

/// Somebody may have written something else there since.
bool is_saved(const SessionFile& file) {
    try {
        return !file.saved_as.isEmpty() && same_work(read_session(file.saved_as), file);
    } catch (const Error&) {
        return false;
    }
}

std::optional<Draft::Found> read_draft(const QString& path) {
    try {
        Draft::Found found{path, read_session(path), {}, {}, {}};
        found.when = found.file.changed.isValid() ? found.file.changed : QFileInfo(path).lastModified();
        if (found.file.history.empty() || !holds_work(found.file)) return std::nullopt;
        found.contents = contents_of(found.file);
        if (!is_saved(found.file)) found.file.saved_as.clear();
        return found;
    } catch (const Error&) { // of another version, or damaged: a draft is an offer, not a duty
        return std::nullopt;
    }
}
} // namespace

bool same_work(const SessionFile& a, const SessionFile& b) {
    const auto same_step = [](const RecipeHistory::Step& one, const RecipeHistory::Step& other) {
        return one.name == other.name && one.text == other.text && one.recipe == other.recipe;
    };
    return a.recipe == b.recipe && a.recipe_text == b.recipe_text && a.history_at == b.history_at &&
           std::ranges::equal(a.history, b.history, same_step) && a.calibrated == b.calibrated && a.notes == b.notes;
}

SessionFile work_alone(SessionFile file) {
    file.runs.clear();
    file.stopped.clear();
    file.baseline = -1;
    file.decisions = {};
    return file;
}

Draft::Draft(RunJournal journal)
    : journal_(std::move(journal)) {}

QString Draft::stem(const QString& model_path) const {
    QString path = journal_.file(model_path);
    if (path.isEmpty()) return path;
    path.chop(static_cast<qsizetype>(qstrlen(".json")));
    return path + QStringLiteral("-draft");
}

QString Draft::file(const QString& model_path) const {
    const QString stem = this->stem(model_path);
    if (stem.isEmpty()) return stem;
    return stem + QStringLiteral("-%1-%2").arg(journal_.mark().name()).arg(number_) + QLatin1String(session_suffix);
}

void Draft::keep(const QString& model_path, SessionFile file) const {
    const QString path = this->file(model_path);
    if (path.isEmpty()) return;
    if (!holds_work(file)) {
        QFile::remove(path);
        return;
    }
    const QString folder = QFileInfo(path).absolutePath();
    QDir().mkpath(folder); // where it fails, writing says so
    journal_.mark().hold(folder);
    (void)write_session(path, work_alone(std::move(file)));
}

Draft::There Draft::find(const QString& model_path) const {
    There there;
    const QFileInfo stem(this->stem(model_path));
    if (stem.fileName().isEmpty()) return there;
    const QString ours = file(model_path);
    const QSet<QString> owners = WindowMark::there(stem.path());
    const QFileInfoList files = stem.dir().entryInfoList({stem.fileName() + u'*' + QLatin1String(session_suffix)},
                                                         QDir::Files, QDir::Time); // the last on a screen first
    for (const QFileInfo& file : files) {
        const QString owner = file.completeBaseName().mid(stem.fileName().size()).section(u'-', 1, 1);
        if (file.filePath() == ours) continue;
        if (owner != journal_.mark().name() && owners.contains(owner)) {
            ++there.of_open_windows;
        } else if (there.found.size() == most_found) {
            there.dropped += QFile::remove(file.filePath());
        } else if (auto found = read_draft(file.filePath())) {
            const auto same = [&](const Found& newer) { return same_work(newer.file, found->file); };
            found->window = owner;
            if (std::ranges::any_of(there.found, same))
                QFile::remove(file.filePath());
            else
                there.found.push_back(std::move(*found));
        }
    }
    std::ranges::stable_sort(there.found, std::ranges::greater(), &Found::when);
    return there;
}

QString Draft::summary(const QString& model_path) const {
    const There there = find(model_path);
    if (there.found.empty()) return {};
    const Found& newest = there.found.front();
    const QString when = newest.when.toString(QStringLiteral("yyyy-MM-dd HH:mm"));
    return newest.file.saved_as.isEmpty()
               ? tr("unsaved work of %1: %2").arg(when, newest.contents)
               : tr("work of %1, in %2: %3").arg(when, QFileInfo(newest.file.saved_as).fileName(), newest.contents);
}

} // namespace graticule
