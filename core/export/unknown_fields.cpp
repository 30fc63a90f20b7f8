#include "core/export/unknown_fields.h"

#include <nlohmann/json.hpp>

#include "core/base/cut_short.h"

namespace graticule {

std::vector<std::string>
unknown_fields(const nlohmann::json& config,
               const std::function<bool(const std::string& field, const nlohmann::json& value)>& known) {
    std::string unknown;
    for (const auto& [field, value] : config.items())
        if (!value.is_null() && !known(field, value))
            unknown += (unknown.empty() ? "" : ", ") + field + " = " + cut_short(value);
    if (unknown.empty()) return {};
    return {"\"quantization_config\" has fields that this program does not know: " + unknown +
            "; what they change, if anything, is not computed"};
}

} // namespace graticule
