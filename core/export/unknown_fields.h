// What is said of fields of "quantization_config" that a reader does not know: nobody knows what they change.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace graticule {

/// A sentence naming them with their values; nothing where `known` takes every field. null is as good as absent.
[[nodiscard]] std::vector<std::string>
unknown_fields(const nlohmann::json& config,
               const std::function<bool(const std::string& field, const nlohmann::json& value)>& known);

} // namespace graticule
