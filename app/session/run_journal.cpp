#include "app/session/run_journal.h"

#include <QtCore/QCryptographicHash>
#include <QtCore/QDir>
#include <QtCore/QFile>
#include <QtCore/QFileInfo>
#include <nlohmann/json.hpp>

#include "app/session/run_json.h"
#include "core/base/error.h"

namespace graticule {

namespace {
using nlohmann::json;

constexpr int schema = 1;
} // namespace

QString RunJournal::file(const QString& model_path) const {
    if (folder_.isEmpty()) return {};
    const QByteArray path = QFileInfo(model_path).absoluteFilePath().toUtf8();
    const QByteArray name = QCryptographicHash::hash(path, QCryptographicHash::Sha256).toHex().first(16);
    return QDir(folder_).filePath(QString::fromLatin1(name) + QStringLiteral(".json"));
}

void RunJournal::keep(const QString& model_path, const std::vector<Run>& runs) const {
    const QString path = file(model_path);
    if (path.isEmpty()) return;
    json kept = json::array();
    for (const Run& run : runs)
        if (run.finished()) kept.push_back(run_to_json(run));
    const json document = {{"schema", schema}, {"model", model_path.toStdString()}, {"runs", kept}};
    QDir().mkpath(folder_); // where it fails, writing says so
    write_run_file(path, document);
}

QString RunJournal::putAside(const QString& model_path) const {
    const QString path = file(model_path);
    QString aside = path + QStringLiteral(".unread");
    for (int n = 2; QFileInfo::exists(aside); ++n) aside = path + QStringLiteral(".unread-%1").arg(n);
    QFile kept(path);
    if (!kept.rename(aside))
        throw Error(ErrorKind::bad_input, path.toStdString() + " was not renamed: " + kept.errorString().toStdString());
    return aside;
}

std::vector<Run> RunJournal::read(const QString& model_path) const {
    const QString path = file(model_path);
    if (path.isEmpty() || !QFileInfo::exists(path)) return {};
    const json document = read_json_file(path.toStdString(), run_file_limits);
    std::vector<Run> runs;
    try {
        if (document.at("schema").get<int>() != schema)
            throw Error(ErrorKind::bad_input, path.toStdString() + " is of another version of this program");
        for (const json& run : document.at("runs")) runs.push_back(run_from_json(run));
    } catch (const json::exception& problem) {
        throw Error(ErrorKind::bad_input, path.toStdString() + " holds no runs: " + problem.what());
    }
    return runs;
}

} // namespace graticule
