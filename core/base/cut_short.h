// Values from outside, as messages show them.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace graticule {

/// In at most 60 bytes; bytes that are no UTF-8 are replaced.
[[nodiscard]] std::string cut_short(const nlohmann::json& value);

} // namespace graticule
