#include "app/window/search_words.h"

#include <QtGui/QAction>

namespace graticule {

namespace {
constexpr const char* words_property = "words";
} // namespace

QAction* describe(QAction* command, const QString& about, const QString& words) {
    command->setToolTip(about);
    command->setProperty(words_property, words);
    return command;
}

SearchWords search_words(const QAction& command) {
    const QVariant help = command.property("help"); // without what its tip says of this moment
    const QString tip =
        (help.isValid() && command.isEnabled() ? help.toString() : command.toolTip()).section(u'\n', 0, 0);
    const QString text = QString(command.text()).remove(u'&'); // the tip where none was given
    return {text.startsWith(tip) ? QString() : tip, command.property(words_property).toString()};
}

} // namespace graticule
