#include "app/window/file_drops.h"

#include <QtCore/QMimeData>
#include <QtGui/QDropEvent>
#include <QtWidgets/QApplication>
#include <QtWidgets/QDockWidget>
#include <QtWidgets/QMainWindow>

namespace graticule {

FileDrops::FileDrops(QMainWindow& window)
    : QObject(&window)
    , window_(window) {
    window.setAcceptDrops(true);
    qApp->installEventFilter(this);
}

bool FileDrops::isOurs(const QObject* watched) const {
    const auto* widget = qobject_cast<const QWidget*>(watched);
    if (!widget) return false;
    const QWidget* window = widget->window();
    return window == &window_ || (qobject_cast<const QDockWidget*>(window) && window->parent() == &window_);
}

bool FileDrops::eventFilter(QObject* watched, QEvent* event) {
    switch (event->type()) {
    case QEvent::Polish: // a floating dock is asked for itself
        if (auto* dock = qobject_cast<QDockWidget*>(watched)) dock->setAcceptDrops(true);
        return false;
    case QEvent::DragEnter:
    case QEvent::DragMove:
    case QEvent::Drop:
        break;
    default:
        return false;
    }
    auto* drop = static_cast<QDropEvent*>(event); // the base of all three
    const QList<QUrl> urls = drop->mimeData()->urls();
    if (!isOurs(watched) || urls.size() != 1 || !urls.front().isLocalFile()) return false;
    drop->acceptProposedAction();
    if (event->type() == QEvent::Drop) Q_EMIT dropped(urls.front().toLocalFile());
    return true;
}

} // namespace graticule
