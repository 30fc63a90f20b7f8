#include "app/session/window_mark.h"

#include <QtCore/QDir>
#include <QtCore/QUuid>

#include "core/io/file_lock.h"

namespace graticule {

namespace {
const QString prefix = QStringLiteral(".window-");
}

WindowMark::WindowMark()
    : name_(QUuid::createUuid().toString(QUuid::Id128).first(16)) {}

void WindowMark::hold(const QString& folder) {
    const std::lock_guard lock(mutex_);
    if (!held_) held_.emplace(QDir(folder).filePath(prefix.mid(1) + name_).toStdString(), Aside::Kind::file);
}

QSet<QString> WindowMark::there(const QString& folder) {
    QSet<QString> names;
    const QFileInfoList files =
        QDir(folder).entryInfoList({prefix + u'*'}, QDir::Files | QDir::Hidden | QDir::NoDotAndDotDot);
    for (const QFileInfo& file : files)
        if (is_held(file.filePath().toStdString())) names << file.fileName().mid(prefix.size()).section(u'.', 0, 0);
    return names;
}

} // namespace graticule
