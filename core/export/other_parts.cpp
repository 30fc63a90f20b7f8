#include "core/export/other_parts.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/io/checkpoint.h"

namespace graticule {
namespace {

std::string escaped(const std::string& name) {
    std::string pattern;
    for (const char letter : name) pattern += letter == '.' ? "\\." : std::string(1, letter);
    return pattern;
}

/// The last name of a prefix: "language_model" of "model.language_model.".
std::string last_name(std::string prefix) {
    if (prefix.ends_with('.')) prefix.pop_back();
    const auto dot = prefix.rfind('.');
    return dot == std::string::npos ? prefix : prefix.substr(dot + 1);
}

} // namespace

bool has_other_parts(const Model& model) {
    const auto& checkpoint = model.parts().checkpoint;
    return checkpoint && nlohmann::json::parse(checkpoint->config_json()).contains("text_config");
}

std::vector<std::string> other_parts(const Model& model) {
    std::vector<std::string> parts;
    if (!has_other_parts(model)) return parts;
    const std::string &outer = model.parts().outer_prefix, &inner = model.parts().prefix;
    for (const std::string& name : model.parts().checkpoint->tensor_names()) {
        const bool text = (!outer.empty() && name.starts_with(outer)) || (!inner.empty() && name.starts_with(inner));
        std::string rest = name.starts_with("model.") ? name.substr(6) : name;
        std::string part = rest.substr(0, rest.find('.'));
        if (text || part == "lm_head" || part == rest) continue; // a tensor of no module is no linear
        if (std::ranges::find(parts, part) == parts.end()) parts.push_back(std::move(part));
    }
    return parts;
}

std::string module_pattern(const Model& model, const Linear& linear) {
    const std::string part = last_name(model.parts().outer_prefix);
    return "re:.*" + (part.empty() ? std::string() : escaped(part) + "\\.(.*\\.)?") + escaped(linear.short_name) + "$";
}

} // namespace graticule
