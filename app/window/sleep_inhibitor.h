// Keeps the machine from falling asleep while jobs run, where the system has somebody to ask (systemd-inhibit). Its
// helper process ends with ours, however that ends.
#pragma once

#include <QtCore/QObject>

class QProcess;

namespace graticule {

class SleepInhibitor final : public QObject {
    Q_OBJECT
public:
    using QObject::QObject;
    void set(bool awake);
    [[nodiscard]] bool active() const; ///< the lock is asked for, and was not refused

private:
    bool wanted_ = false;
    QProcess* helper_ = nullptr;
};

} // namespace graticule
