#include "app/session/draft.h"

#include <QtCore/QDir>
#include <QtCore/QFile>
#include <QtCore/QFileInfo>
#include <QtCore/QObject>
#include <QtCore/QSet>
#include <QtCore/QUuid>
#include <mutex>
#include <optional>

#include "app/session/run_names.h"
#include "core/base/error.h"
#include "core/io/aside.h"
#include "core/io/file_lock.h"

namespace graticule {

namespace {
constexpr std::size_t most_found = 20;
const QString owner_prefix = QStringLiteral(".window-");

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

std::optional<Draft::Found> read_draft(const QString& path) {
    try {
        Draft::Found found{path, read_session(path), QFileInfo(path).lastModified(), {}};
        if (found.file.history.empty() || !holds_work(found.file)) return std::nullopt;
        found.contents = contents_of(found.file);
        return found;
    } catch (const Error&) { // of another version, or damaged: a draft is an offer, not a duty
        return std::nullopt;
    }
}
} // namespace

/// The window that drafts are of, known to others by a file that it holds for as long as it is there.
class Draft::Owner {
public:
    [[nodiscard]] const QString& name() const { return name_; }
    void hold(const QString& folder) {
        const std::lock_guard lock(mutex_);
        if (!held_) held_.emplace(QDir(folder).filePath(owner_prefix.mid(1) + name_).toStdString(), Aside::Kind::file);
    }

private:
    const QString name_ = QUuid::createUuid().toString(QUuid::Id128).first(16);
    std::mutex mutex_;
    std::optional<Aside> held_;
};

namespace {
/// Names of the windows that are there.
QSet<QString> owners_in(const QString& folder) {
    QSet<QString> owners;
    const QFileInfoList files =
        QDir(folder).entryInfoList({owner_prefix + u'*'}, QDir::Files | QDir::Hidden | QDir::NoDotAndDotDot);
    for (const QFileInfo& file : files)
        if (is_held(file.filePath().toStdString()))
            owners << file.fileName().mid(owner_prefix.size()).section(u'.', 0, 0);
    return owners;
}
} // namespace

Draft::Draft(RunJournal journal)
    : journal_(std::move(journal))
    , owner_(std::make_shared<Owner>()) {}

QString Draft::stem(const QString& model_path) const {
    QString path = journal_.file(model_path);
    if (path.isEmpty()) return path;
    path.chop(static_cast<qsizetype>(qstrlen(".json")));
    return path + QStringLiteral("-draft");
}

QString Draft::file(const QString& model_path) const {
    const QString stem = this->stem(model_path);
    if (stem.isEmpty()) return stem;
    return stem + QStringLiteral("-%1-%2").arg(owner_->name()).arg(number_) + QLatin1String(session_suffix);
}

void Draft::keep(const QString& model_path, SessionFile file) const {
    const QString path = this->file(model_path);
    if (path.isEmpty()) return;
    if (!holds_work(file)) {
        QFile::remove(path);
        return;
    }
    file.runs.clear();
    file.stopped.clear();
    file.baseline = -1;
    file.decisions = {};
    const QString folder = QFileInfo(path).absolutePath();
    QDir().mkpath(folder); // where it fails, writing says so
    owner_->hold(folder);
    write_session(path, std::move(file));
}

Draft::There Draft::find(const QString& model_path) const {
    There there;
    const QFileInfo stem(this->stem(model_path));
    if (stem.fileName().isEmpty()) return there;
    const QString ours = file(model_path);
    const QSet<QString> owners = owners_in(stem.path());
    const QFileInfoList files = stem.dir().entryInfoList({stem.fileName() + u'*' + QLatin1String(session_suffix)},
                                                         QDir::Files, QDir::Time); // newest first
    for (const QFileInfo& file : files) {
        const QString owner = file.completeBaseName().mid(stem.fileName().size()).section(u'-', 1, 1);
        if (file.filePath() == ours) continue;
        if (owner != owner_->name() && owners.contains(owner)) {
            ++there.elsewhere;
        } else if (there.found.size() == most_found) {
            there.dropped += QFile::remove(file.filePath());
        } else if (auto found = read_draft(file.filePath())) {
            there.found.push_back(std::move(*found));
        }
    }
    return there;
}

QString Draft::summary(const QString& model_path) const {
    const There there = find(model_path);
    if (there.found.empty()) return {};
    const Found& newest = there.found.front();
    return tr("unsaved work of %1: %2").arg(newest.when.toString(QStringLiteral("yyyy-MM-dd HH:mm")), newest.contents);
}

} // namespace graticule
