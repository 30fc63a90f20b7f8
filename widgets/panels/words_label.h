// Sentences in a panel: wrapped, and the mouse can select them.
#pragma once

#include <QtWidgets/QLabel>

namespace graticule {

/// `role` as in the style sheet: "title", "secondary", "faint", "value".
[[nodiscard]] QLabel* words_label(const char* role, const QString& text = {});

} // namespace graticule
