// What the palette says of commands that have no tip, and other words that somebody may look for them by.
#pragma once

#include <QtCore/QString>

class QAction;

namespace graticule {

struct SearchWords {
    QString about; ///< one line
    QString words;
};
/// Of a command by its name; its own tip where it has one.
[[nodiscard]] SearchWords search_words(const QAction& command);

} // namespace graticule
