#include "app/session/run_journal.h"

#include <QtCore/QCryptographicHash>
#include <QtCore/QDir>
#include <QtCore/QFile>
#include <QtCore/QFileInfo>
#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "app/session/run_json.h"
#include "core/base/error.h"
#include "core/io/aside.h"
#include "core/io/file_lock.h"

namespace graticule {

namespace {
using nlohmann::json;

constexpr int schema = 1;

std::vector<Run> read_runs(const QString& path) {
    if (!QFileInfo::exists(path)) return {};
    const json document = read_json_file(path.toStdString(), run_file_limits);
    std::vector<Run> runs;
    try {
        if (document.at("schema").get<int>() != schema)
            throw Error(ErrorKind::bad_input, path.toStdString() + " is of another version of this program");
        read_runs_of(document, runs);
    } catch (const json::exception& problem) {
        throw Error(ErrorKind::bad_input, path.toStdString() + " holds no runs: " + problem.what());
    }
    return runs;
}
} // namespace

QString RunJournal::file(const QString& model_path) const {
    if (folder_.isEmpty()) return {};
    const QByteArray path = QFileInfo(model_path).absoluteFilePath().toUtf8();
    const QByteArray name = QCryptographicHash::hash(path, QCryptographicHash::Sha256).toHex().first(16);
    return QDir(folder_).filePath(QString::fromLatin1(name) + QStringLiteral(".json"));
}

QString RunJournal::beside(const char* name) const {
    return folder_.isEmpty() ? QString() : QDir(folder_).filePath(QLatin1String(name));
}

void RunJournal::remember(const QString& path, const std::vector<Run>& runs) const {
    const std::lock_guard lock(known_->mutex);
    std::vector<Run>& known = known_->runs[path];
    for (const Run& run : runs)
        if (find_result(known, run) == known.end()) known.push_back(run);
}

QString RunJournal::keep(const QString& model_path, const std::vector<Run>& runs) const {
    const QString path = file(model_path);
    if (path.isEmpty()) return {};
    if (!QDir().mkpath(folder_))
        throw Error(ErrorKind::bad_input, folder_.toStdString() + ": the folder of the journal cannot be made");
    const FileLock lock(folder_.toStdString());
    (void)sweep_leftovers(folder_.toStdString());
    std::vector<Run> there;
    const QString aside = read_or_put_aside(path, [&] { there = read_runs(path); });
    std::vector<Run> all;
    std::ranges::copy_if(runs, std::back_inserter(all), [](const Run& run) { // of a model that will be known again
        return !run.hasWindows() || !run.modelHash().empty();
    });
    for (Run& run : all) run.window = run.alive() && !run.finished() ? known_->mark.name() : run.window;
    if (std::ranges::any_of(all, [](const Run& run) { return run.alive() && !run.finished(); }))
        known_->mark.hold(folder_);
    const std::vector<Run> ours = all;
    {
        const std::lock_guard guard(known_->mutex);
        const std::vector<Run>& known = known_->runs[path];
        for (Run& run : there) { // another window's; what this one knows and does not have was removed here
            const auto here = find_result(all, run);
            if (here == all.end() && find_result(known, run) == known.end())
                all.push_back(std::move(run));
            else if (here != all.end() && here->in_another_window)
                here->window = run.window; // it knows best whether it is still at it
        }
    }
    std::vector<const Run*> kept;
    for (const Run& run : all) {
        // As it was when another window read it, and has come further since.
        const bool left_behind = std::ranges::any_of(all, [&](const Run& other) { return continues(other, run); });
        if (!left_behind) kept.push_back(&run);
    }
    json document = {{"schema", schema}, {"model", model_path.toStdString()}};
    write_runs_to(document, kept);
    write_run_file(path, document);
    remember(path, ours); // not the others: what is theirs is theirs to remove
    return aside;
}

QString read_or_put_aside(const QString& path, const std::function<void()>& read) {
    try {
        read();
        return {};
    } catch (const Error& error) {
        if (error.info().kind != ErrorKind::bad_input) throw; // nothing is wrong with the file itself
    }
    QString aside = path + QStringLiteral(".unread");
    for (int n = 2; QFileInfo::exists(aside); ++n) aside = path + QStringLiteral(".unread-%1").arg(n);
    QFile kept(path);
    if (!kept.rename(aside))
        throw Error(ErrorKind::bad_input, path.toStdString() + " was not renamed: " + kept.errorString().toStdString());
    return aside;
}

std::vector<Run> RunJournal::read(const QString& model_path, const std::string& model_hash) const {
    const QString path = file(model_path);
    if (path.isEmpty()) return {};
    std::vector<Run> runs = read_runs(path);
    if (!model_hash.empty())
        std::erase_if(runs, [&](const Run& run) {
            const bool unknown = run.modelHash().empty() && !run.hasWindows();
            return !unknown && run.modelHash() != model_hash;
        });
    const QSet<QString> windows = WindowMark::there(folder_);
    for (Run& run : runs) run.in_another_window = run.window != known_->mark.name() && windows.contains(run.window);
    remember(path, runs);
    return runs;
}

} // namespace graticule
