#include "core/io/tokenizer_config.h"

#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/io/json_file.h"

namespace graticule {
namespace {

using nlohmann::json;

json read_object(const std::filesystem::path& file) {
    if (!std::filesystem::exists(file)) return json::object();
    json document = read_json_file(file);
    if (!document.is_object()) throw Error(ErrorKind::bad_input, file.string() + " is not a JSON object");
    return document;
}

std::optional<bool> flag(const json& document, const char* key) {
    const auto found = document.find(key);
    if (found == document.end() || !found->is_boolean()) return std::nullopt; // null: not said
    return found->get<bool>();
}

/// A special token is written as a string or as an object with its content.
std::optional<std::string> token(const json& document, const char* key) {
    const auto found = document.find(key);
    if (found == document.end()) return std::nullopt;
    if (found->is_string()) return found->get<std::string>();
    if (found->is_object() && found->contains("content") && (*found)["content"].is_string())
        return (*found)["content"].get<std::string>();
    return std::nullopt;
}

} // namespace

TokenizerConfig read_tokenizer_config(const std::filesystem::path& folder) {
    const json config = read_object(folder / "tokenizer_config.json");
    const json special = read_object(folder / "special_tokens_map.json");
    TokenizerConfig result;
    result.add_bos = flag(config, "add_bos_token");
    result.add_eos = flag(config, "add_eos_token");
    result.add_prefix_space = flag(config, "add_prefix_space");
    result.bos_token = token(config, "bos_token");
    if (!result.bos_token) result.bos_token = token(special, "bos_token");
    result.eos_token = token(config, "eos_token");
    if (!result.eos_token) result.eos_token = token(special, "eos_token");
    if (const auto name = token(config, "tokenizer_class")) result.tokenizer_class = *name;
    return result;
}

} // namespace graticule
