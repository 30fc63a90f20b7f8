// Names without room are cut where it costs least: runs and recipes begin alike and differ at their ends.
#pragma once

#include <QtCore/QString>

namespace graticule {

/// `text` as it is where it fits; else its first and last letters around an ellipsis, the end with the larger part of
/// the room. `width` measures a text, in the unit of `room`.
template <class Width>
[[nodiscard]] QString cut_middle(const QString& text, double room, Width width) {
    if (width(text) <= room) return text;
    constexpr double share_of_head = 0.4;
    const QString dots = QStringLiteral("…");
    const double letters = room - width(dots);
    qsizetype head = 0, tail = 0;
    while (head < text.size() && width(text.left(head + 1)) <= share_of_head * letters) ++head;
    const double rest = letters - width(text.left(head));
    while (head + tail < text.size() && width(text.right(tail + 1)) <= rest) ++tail;
    return text.left(head).trimmed() + dots + text.right(tail).trimmed();
}

} // namespace graticule
