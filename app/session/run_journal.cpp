#include "app/session/run_journal.h"

#include <QtCore/QCryptographicHash>
#include <QtCore/QDir>
#include <QtCore/QFileInfo>
#include <QtCore/QSaveFile>
#include <nlohmann/json.hpp>

#include "app/session/run_json.h"
#include "core/base/error.h"
#include "core/io/json_file.h"

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
    const QByteArray text = QByteArray::fromStdString(document.dump(1) + "\n");
    QSaveFile out(path);
    if (!QDir().mkpath(folder_) || !out.open(QIODevice::WriteOnly) || out.write(text) != text.size() || !out.commit())
        throw Error(ErrorKind::bad_input, path.toStdString() + " was not written: " + out.errorString().toStdString());
}

std::vector<Run> RunJournal::read(const QString& model_path) const {
    const QString path = file(model_path);
    if (path.isEmpty() || !QFileInfo::exists(path)) return {};
    const json document = read_json_file(path.toStdString());
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
