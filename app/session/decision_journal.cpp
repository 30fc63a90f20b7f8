#include "app/session/decision_journal.h"

#include <QtCore/QDir>
#include <QtCore/QFileInfo>
#include <nlohmann/json.hpp>

#include "app/session/run_json.h"
#include "core/base/error.h"
#include "core/io/file_lock.h"

namespace graticule {

namespace {

using nlohmann::json;

constexpr int schema = 1;

Decisions read_file(const QString& path) {
    if (!QFileInfo::exists(path)) return {};
    const json document = read_json_file(path.toStdString(), run_file_limits);
    try {
        if (document.at("schema").get<int>() != schema)
            throw Error(ErrorKind::bad_input, "it is of another version of this program");
        return decisions_from_json(document);
    } catch (const json::exception& problem) {
        throw Error(ErrorKind::bad_input, path.toStdString() + " holds no searches: " + problem.what());
    } catch (const Error& problem) {
        throw Error(problem.info().kind, path.toStdString() + ": " + problem.info().message);
    }
}

} // namespace

QString DecisionJournal::file(const QString& model_path) const {
    QString path = runs_.file(model_path);
    if (path.isEmpty()) return path;
    path.chop(static_cast<qsizetype>(qstrlen(".json")));
    return path + QStringLiteral("-decisions.json");
}

QString DecisionJournal::keep(const QString& model_path, const Decisions& ours) const {
    const QString path = file(model_path);
    if (path.isEmpty() || ours.empty()) return {};
    const QString folder = QFileInfo(path).absolutePath();
    if (!QDir().mkpath(folder))
        throw Error(ErrorKind::bad_input, folder.toStdString() + ": the folder of the journal cannot be made");
    const FileLock lock(folder.toStdString());
    Decisions there;
    const QString aside = read_or_put_aside(path, [&] { there = read_file(path); });
    Decisions all = merged(std::move(there), ours);
    if (all.searches.size() > most_searches)
        all.searches.erase(all.searches.begin(), all.searches.end() - std::ptrdiff_t{most_searches});
    json document = {{"schema", schema}, {"model", model_path.toStdString()}};
    decisions_to_json(all, document);
    write_run_file(path, document);
    return aside;
}

Decisions DecisionJournal::read(const QString& model_path) const {
    const QString path = file(model_path);
    return path.isEmpty() ? Decisions() : read_file(path);
}

} // namespace graticule
