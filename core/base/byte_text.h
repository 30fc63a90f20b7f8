// Sizes for people: "16.4 MB", decimal units as on a data sheet.
#pragma once

#include <cstdint>
#include <string>

namespace graticule {

[[nodiscard]] std::string byte_text(std::int64_t bytes);

} // namespace graticule
