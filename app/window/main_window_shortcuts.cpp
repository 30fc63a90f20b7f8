// The keys of commands: as delivered, or as somebody has chosen them.
#include <QtCore/QSettings>
#include <QtGui/QAction>

#include "app/window/main_window.h"
#include "widgets/panels/shortcuts_dialog.h"

namespace graticule {

namespace {
const QString group = QStringLiteral("shortcuts");
constexpr const char* delivered = "delivered";

QList<QKeySequence> delivered_keys(const QAction& action) {
    return action.property(delivered).value<QList<QKeySequence>>();
}

/// What panels do with keys of their own: a command with such a key would take it from them.
std::vector<FixedKeys> fixed_keys() {
    return {{QObject::tr("Explain the number in the current cell of the layers"),
             {},
             {QKeySequence(Qt::SHIFT | Qt::Key_F1)}},
            {QObject::tr("Copy a table as CSV"), {}, {QKeySequence(QKeySequence::Copy)}},
            {QObject::tr("Cancel the selected job"), {}, {QKeySequence(QKeySequence::Delete)}},
            {QObject::tr("Pause the selected job, or let it go on"), {}, {QKeySequence(Qt::Key_Space)}},
            {QObject::tr("Move the selected job in the queue"),
             QObject::tr("drag"),
             {QKeySequence(Qt::CTRL | Qt::Key_Up), QKeySequence(Qt::CTRL | Qt::Key_Down)}},
            {QObject::tr("Plot: zoom along x, y, both"),
             QObject::tr("wheel, Shift+wheel, Ctrl+wheel"),
             {QKeySequence(Qt::Key_Plus), QKeySequence(Qt::Key_Equal), QKeySequence(Qt::Key_Minus)}},
            {QObject::tr("Plot: pan"),
             QObject::tr("drag"),
             {QKeySequence(Qt::Key_Left), QKeySequence(Qt::Key_Right), QKeySequence(Qt::Key_Up),
              QKeySequence(Qt::Key_Down)}},
            {QObject::tr("Plot: zoom to a box"), QObject::tr("Shift+drag"), {}},
            {QObject::tr("Plot: everything"),
             QObject::tr("double click"),
             {QKeySequence(Qt::Key_Home), QKeySequence(Qt::Key_0)}},
            {QObject::tr("Plot: zoom back, forward"),
             QObject::tr("back and forward buttons"),
             {QKeySequence(Qt::Key_Backspace), QKeySequence(Qt::SHIFT | Qt::Key_Backspace)}},
            {QObject::tr("Plot: logarithmic axis"), {}, {QKeySequence(Qt::Key_L)}}};
}

bool clashes(const QList<QAction*>& commands, const QAction* with) {
    for (const FixedKeys& fixed : fixed_keys())
        for (const QKeySequence& keys : fixed.keys)
            if (with->shortcuts().contains(keys)) return true;
    for (const QAction* other : commands)
        for (const QKeySequence& keys : other->shortcuts())
            if (other != with && with->shortcuts().contains(keys)) return true;
    return false;
}
} // namespace

QString MainWindow::fullTitle(const QAction& action) {
    const QString context = action.property("context").toString(), text = QString(action.text()).remove(u'&');
    return context.isEmpty() ? text : QStringLiteral("%1: %2").arg(context, text);
}

// A key that means two things would do neither: what clashes, because the file was edited or a later version has new
// commands, goes back to what was delivered, and where even that is taken the command has no key.
void MainWindow::loadShortcuts() {
    QList<QAction*> chosen;
    settings_.beginGroup(group);
    for (QAction* action : commands_) {
        action->setProperty(delivered, QVariant::fromValue(action->shortcuts()));
        if (!settings_.contains(action->objectName())) continue;
        action->setShortcuts(
            QKeySequence::listFromString(settings_.value(action->objectName()).toString(), QKeySequence::PortableText));
        chosen << action;
    }
    settings_.endGroup();
    for (QAction* action : chosen)
        if (clashes(commands_, action)) action->setShortcuts(delivered_keys(*action));
    for (QAction* action : chosen)
        if (clashes(commands_, action)) action->setShortcuts(QList<QKeySequence>());
}

void MainWindow::setShortcut(const QString& name, const QList<QKeySequence>& keys) {
    QAction* action = command(name);
    if (!action) return;
    action->setShortcuts(keys);
    const QString key = group + u'/' + name;
    if (keys == delivered_keys(*action))
        settings_.remove(key);
    else
        settings_.setValue(key, QKeySequence::listToString(keys, QKeySequence::PortableText));
}

void MainWindow::showShortcuts() {
    std::vector<ShortcutRow> rows;
    for (const QAction* action : commands_)
        rows.push_back({action->objectName(), fullTitle(*action), action->shortcuts(), delivered_keys(*action)});
    auto* dialog = new ShortcutsDialog(std::move(rows), fixed_keys(), this);
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    connect(dialog, &ShortcutsDialog::changed, this, &MainWindow::setShortcut);
    dialog->open();
}

} // namespace graticule
