#include "core/base/byte_text.h"

#include <cmath>
#include <cstdio>
#include <iterator>

namespace graticule {

std::string byte_text(std::int64_t bytes) {
    static constexpr const char* units[] = {"B", "kB", "MB", "GB", "TB"};
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    for (; std::fabs(value) >= 999.5 && unit + 1 < std::size(units); ++unit) value /= 1000;
    if (unit == 0) return std::to_string(bytes) + " B";
    char text[32];
    std::snprintf(text, sizeof text, "%.*f %s", value < 10 ? 2 : 1, value, units[unit]);
    return text;
}

} // namespace graticule
