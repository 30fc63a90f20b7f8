#include "core/base/cut_short.h"

#include <nlohmann/json.hpp>

namespace graticule {

std::string cut_short(const nlohmann::json& value) {
    std::string text = value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    if (text.size() > 60) text = text.substr(0, 57) + "...";
    return text;
}

} // namespace graticule
