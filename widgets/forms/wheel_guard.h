// The wheel scrolls; it never changes a value in passing. A box takes the wheel only once it has the focus, which a
// click or Tab gives and the wheel does not.
#pragma once

#include <QtCore/QObject>

namespace graticule {

/// Installed on the application: holds for every box of every panel and dialog.
class WheelGuard final : public QObject {
    Q_OBJECT
public:
    using QObject::QObject;

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;
};

} // namespace graticule
