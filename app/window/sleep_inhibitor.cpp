#include "app/window/sleep_inhibitor.h"

#include <QtCore/QCoreApplication>
#include <QtCore/QProcess>
#include <QtCore/QStandardPaths>

namespace graticule {

bool SleepInhibitor::active() const { return helper_ && helper_->state() != QProcess::NotRunning; }

// Asked for once a spell of work: where it is refused, jobs run all the same.
void SleepInhibitor::set(bool awake) {
    if (awake == wanted_) return;
    wanted_ = awake;
    if (helper_) {
        connect(helper_, &QProcess::finished, helper_, &QObject::deleteLater);
        helper_->terminate();
        helper_ = nullptr;
    }
    const QString program = awake ? QStandardPaths::findExecutable(QStringLiteral("systemd-inhibit")) : QString();
    if (program.isEmpty()) return;
    helper_ = new QProcess(this);
    helper_->setStandardOutputFile(QProcess::nullDevice());
    helper_->setStandardErrorFile(QProcess::nullDevice());
    // The lock is held as long as `tail` lives, which ends with this program, a kill included.
    helper_->start(program, {QStringLiteral("--what=sleep:idle"), QStringLiteral("--who=Graticule"),
                             QStringLiteral("--why=Jobs are running"), QStringLiteral("tail"),
                             QStringLiteral("--pid=%1").arg(QCoreApplication::applicationPid()), QStringLiteral("-f"),
                             QStringLiteral("/dev/null")});
}

} // namespace graticule
