#include "app/session/recent_models.h"

#include <QtCore/QFileInfo>
#include <QtCore/QSettings>
#include <QtCore/QStringList>
#include <algorithm>

#include "core/base/error.h"
#include "core/engine/resources.h"

namespace graticule {

namespace {
constexpr qsizetype kept = 12;
const QString key = QStringLiteral("recent/models");
} // namespace

std::vector<RecentModel> recent_models(QSettings& settings) {
    std::vector<RecentModel> models;
    for (const QString& path : settings.value(key).toStringList())
        models.push_back({path, QFileInfo(path).fileName(), !QFileInfo::exists(path)});
    return models;
}

std::vector<RecentModel> shipped_models() {
    std::vector<RecentModel> models;
    try {
        for (const SampleModel& sample : sample_models())
            models.push_back(
                {QString::fromStdString(sample.path.string()), QString::fromStdString(sample.name), false});
    } catch (const Error&) { // a program without its samples is still a program
    }
    return models;
}

void remember_model(QSettings& settings, const QString& path) {
    QStringList paths = settings.value(key).toStringList();
    const QString full = QFileInfo(path).absoluteFilePath();
    paths.removeAll(full);
    paths.prepend(full);
    settings.setValue(key, paths.first(std::min(paths.size(), kept)));
}

void forget_model(QSettings& settings, const QString& path) {
    QStringList paths = settings.value(key).toStringList();
    paths.removeAll(path);
    settings.setValue(key, paths);
}

} // namespace graticule
