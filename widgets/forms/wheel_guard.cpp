#include "widgets/forms/wheel_guard.h"

#include <QtCore/QEvent>
#include <QtWidgets/QAbstractSpinBox>
#include <QtWidgets/QComboBox>
#include <QtWidgets/QSlider>

namespace graticule {

namespace {
QWidget* as_box(QObject* object) {
    const bool box =
        qobject_cast<QComboBox*>(object) || qobject_cast<QAbstractSpinBox*>(object) || qobject_cast<QSlider*>(object);
    return box ? static_cast<QWidget*>(object) : nullptr;
}
} // namespace

bool WheelGuard::eventFilter(QObject* watched, QEvent* event) {
    if (event->type() != QEvent::Wheel && event->type() != QEvent::Polish) return false;
    QWidget* box = as_box(watched);
    if (!box) return false;
    if (event->type() == QEvent::Polish) {
        if (box->focusPolicy() == Qt::WheelFocus) box->setFocusPolicy(Qt::StrongFocus);
        return false;
    }
    if (box->hasFocus()) return false;
    event->ignore(); // goes on to what scrolls around the box
    return true;
}

} // namespace graticule
