// What the palette says of a command, and other words that somebody may look for it by. Both are said where the command
// is added.
#pragma once

#include <QtCore/QString>

class QAction;

namespace graticule {

struct SearchWords {
    QString about; ///< one line
    QString words; ///< not shown
};
/// `about` is the command's tip as well. Returns the command.
QAction* describe(QAction* command, const QString& about, const QString& words);
/// Its tip, without what that says of this moment while the command is possible.
[[nodiscard]] SearchWords search_words(const QAction& command);

} // namespace graticule
