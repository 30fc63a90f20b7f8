#include "widgets/panels/words_label.h"

namespace graticule {

QLabel* words_label(const char* role, const QString& text) {
    auto* label = new QLabel(text);
    label->setProperty("role", role);
    label->setWordWrap(true);
    label->setTextInteractionFlags(Qt::TextSelectableByMouse);
    return label;
}

} // namespace graticule
