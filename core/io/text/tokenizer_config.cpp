#include "core/io/text/tokenizer_config.h"

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

/// One id, or the first of a list: generation may stop at several.
std::optional<std::int32_t> token_id(const json& document, const char* key) {
    auto found = document.find(key);
    if (found == document.end()) return std::nullopt;
    const json& value = found->is_array() && !found->empty() ? found->front() : *found;
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > INT32_MAX) return std::nullopt;
    return value.get<std::int32_t>();
}

} // namespace

TokenizerConfig read_tokenizer_config(const std::filesystem::path& folder) {
    const json config = read_object(folder / "tokenizer_config.json");
    const json special = read_object(folder / "special_tokens_map.json");
    const json model = read_object(folder / "config.json");
    TokenizerConfig result;
    result.bos_id = token_id(model, "bos_token_id");
    result.eos_id = token_id(model, "eos_token_id");
    result.add_bos = flag(config, "add_bos_token");
    result.add_eos = flag(config, "add_eos_token");
    result.add_prefix_space = flag(config, "add_prefix_space");
    const auto named = [&](const char* key) {
        auto found = token(config, key);
        return found ? found : token(special, key);
    };
    result.bos_token = named("bos_token");
    result.eos_token = named("eos_token");
    result.unk_token = named("unk_token");
    result.pad_token = named("pad_token");
    result.tokenizer_class = token(config, "tokenizer_class").value_or("");
    result.model_type = token(model, "model_type").value_or("");
    return result;
}

} // namespace graticule
