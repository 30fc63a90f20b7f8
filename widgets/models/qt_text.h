// Names and labels of core, which are UTF-8, as Qt shows them.
#pragma once

#include <QtCore/QString>
#include <string_view>

namespace graticule {

[[nodiscard]] inline QString qt_text(std::string_view text) {
    return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size()));
}

} // namespace graticule
