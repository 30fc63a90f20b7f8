#include "core/io/text/json_components.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "core/base/error.h"
#include "core/io/text/utf8.h"

namespace graticule {
namespace {

using nlohmann::json;

/// Real files have up to five steps of a kind.
void check_count(const JsonComponent& component, std::size_t steps) {
    constexpr std::size_t most = 64;
    if (steps >= most) component.bad("more than " + std::to_string(most) + " steps");
}

SplitBehavior read_behavior(const JsonComponent& component) {
    const std::string name = component.text_or("behavior", "Isolated");
    if (name == "Removed") return SplitBehavior::removed;
    if (name == "Isolated") return SplitBehavior::isolated;
    if (name == "MergedWithPrevious") return SplitBehavior::merged_with_previous;
    if (name == "MergedWithNext") return SplitBehavior::merged_with_next;
    if (name == "Contiguous") return SplitBehavior::contiguous;
    component.unsupported("the behavior \"" + name + "\"");
}

PrependScheme read_prepend_scheme(const JsonComponent& component) {
    const std::string name =
        component.text_or("prepend_scheme", component.flag("add_prefix_space", true) ? "always" : "never");
    if (name == "always") return PrependScheme::always;
    if (name == "first") return PrependScheme::first;
    if (name == "never") return PrependScheme::never;
    component.unsupported("the prepend_scheme \"" + name + "\"");
}

/// One character, "▁" in practice.
std::string read_replacement(const JsonComponent& component) {
    std::string text = component.text_or("replacement", "\xE2\x96\x81");
    if (text.empty() || utf8_length(text, 0) != text.size()) component.bad("\"replacement\" is not one character");
    return text;
}

PreTokenStep read_split(const JsonComponent& component) {
    std::string regex;
    const bool invert = component.flag("invert", false);
    if (const auto literal = component.literal_pattern("pattern", regex)) {
        if (literal->empty()) component.bad("the pattern is empty");
        return split_by_text(*literal, read_behavior(component), invert);
    }
    return split_by_pattern(SplitPattern::known(regex, component.where()), read_behavior(component), invert);
}

NormalizeStep read_replace(const JsonComponent& component) {
    std::string regex;
    const auto literal = component.literal_pattern("pattern", regex);
    if (!literal) component.unsupported("a regular expression, \"" + regex + "\"");
    if (literal->empty()) component.bad("the pattern is empty");
    return replace_text(*literal, component.text("content"));
}

} // namespace

JsonComponent::JsonComponent(const json& value, std::string where)
    : value_(value)
    , where_(std::move(where)) {
    if (!value.is_object()) bad("not an object");
    type_ = text("type");
    where_ += " \"" + type_ + "\"";
}

void JsonComponent::bad(const std::string& what) const { throw Error(ErrorKind::bad_input, where_ + ": " + what); }

void JsonComponent::unsupported(const std::string& what) const {
    throw Error(ErrorKind::unsupported, where_ + ": " + what + " is not supported; the token ids would be wrong");
}

const json& JsonComponent::member(const char* key) const {
    const auto found = value_.find(key);
    if (found == value_.end()) bad(std::string("no \"") + key + "\"");
    return *found;
}

std::string JsonComponent::text(const char* key) const {
    const json& value = member(key);
    if (!value.is_string()) bad(std::string("\"") + key + "\" is not a string");
    return value.get<std::string>();
}

std::string JsonComponent::text_or(const char* key, std::string fallback) const {
    const auto found = value_.find(key);
    return found == value_.end() || found->is_null() ? fallback : text(key);
}

bool JsonComponent::flag(const char* key, bool fallback) const {
    const auto found = value_.find(key);
    if (found == value_.end() || found->is_null()) return fallback;
    if (!found->is_boolean()) bad(std::string("\"") + key + "\" is neither true nor false");
    return found->get<bool>();
}

std::size_t JsonComponent::count(const char* key) const {
    const json& value = member(key);
    if (!value.is_number_unsigned()) bad(std::string("\"") + key + "\" is not a whole number");
    return value.get<std::size_t>();
}

std::optional<std::string> JsonComponent::literal_pattern(const char* key, std::string& regex) const {
    const json& value = member(key);
    if (value.is_object() && value.size() == 1) {
        if (value.contains("String") && value["String"].is_string()) return value["String"].get<std::string>();
        if (value.contains("Regex") && value["Regex"].is_string()) {
            regex = value["Regex"].get<std::string>();
            return std::nullopt;
        }
    }
    bad(std::string("\"") + key + "\" is neither {\"String\": ...} nor {\"Regex\": ...}");
}

std::vector<JsonComponent> JsonComponent::children(const char* key) const {
    const json& value = member(key);
    if (!value.is_array()) bad(std::string("\"") + key + "\" is not a list");
    std::vector<JsonComponent> all;
    for (const json& child : value) all.emplace_back(child, where_);
    return all;
}

void read_normalizer(const JsonComponent& component, std::vector<NormalizeStep>& steps) {
    check_count(component, steps.size());
    const std::string& type = component.type();
    if (type == "Sequence") {
        for (const JsonComponent& child : component.children("normalizers")) read_normalizer(child, steps);
    } else if (type == "NFC") {
        steps.push_back(normalize_to(NormalForm::c));
    } else if (type == "NFD") {
        steps.push_back(normalize_to(NormalForm::d));
    } else if (type == "NFKC") {
        steps.push_back(normalize_to(NormalForm::kc));
    } else if (type == "NFKD") {
        steps.push_back(normalize_to(NormalForm::kd));
    } else if (type == "Lowercase") {
        steps.push_back(to_lower_case());
    } else if (type == "Strip") {
        steps.push_back(strip_white_space(component.flag("strip_left", true), component.flag("strip_right", true)));
    } else if (type == "Prepend") {
        steps.push_back(prepend_text(component.text("prepend")));
    } else if (type == "Replace") {
        steps.push_back(read_replace(component));
    } else {
        component.unsupported("this normalizer");
    }
}

void read_pre_tokenizer(const JsonComponent& component, std::vector<PreTokenStep>& steps, bool& byte_level_seen) {
    check_count(component, steps.size());
    const std::string& type = component.type();
    if (type == "Sequence") {
        for (const JsonComponent& child : component.children("pretokenizers"))
            read_pre_tokenizer(child, steps, byte_level_seen);
    } else if (type == "ByteLevel") {
        auto words =
            component.flag("use_regex", true) ? SplitPattern::known(patterns::gpt2, component.where()) : nullptr;
        steps.push_back(byte_level(component.flag("add_prefix_space", true), std::move(words)));
        byte_level_seen = true;
    } else if (type == "Split") {
        steps.push_back(read_split(component));
    } else if (type == "Metaspace") {
        steps.push_back(
            metaspace(read_replacement(component), read_prepend_scheme(component), component.flag("split", true)));
    } else if (type == "Digits") {
        const bool each = component.flag("individual_digits", false);
        steps.push_back(split_by_class(is_numeric, each ? SplitBehavior::isolated : SplitBehavior::contiguous));
    } else if (type == "Punctuation") {
        steps.push_back(split_by_class(is_punctuation, read_behavior(component)));
    } else if (type == "WhitespaceSplit") {
        steps.push_back(split_by_class(is_white_space, SplitBehavior::removed));
    } else {
        component.unsupported("this pre-tokenizer");
    }
}

void read_decoder(const JsonComponent& component, std::vector<DecodeStep>& steps) {
    check_count(component, steps.size());
    const std::string& type = component.type();
    if (type == "Sequence") {
        for (const JsonComponent& child : component.children("decoders")) read_decoder(child, steps);
    } else if (type == "ByteLevel") {
        steps.push_back(decode_byte_level());
    } else if (type == "ByteFallback") {
        steps.push_back(decode_byte_fallback());
    } else if (type == "Fuse") {
        steps.push_back(decode_fuse());
    } else if (type == "Replace") {
        std::string regex;
        const auto literal = component.literal_pattern("pattern", regex);
        if (!literal) component.unsupported("a regular expression, \"" + regex + "\"");
        if (literal->empty()) component.bad("the pattern is empty");
        steps.push_back(decode_replace(*literal, component.text("content")));
    } else if (type == "Strip") {
        std::string character = component.text("content");
        if (character.empty()) component.bad("\"content\" is empty");
        steps.push_back(decode_strip(std::move(character), component.count("start"), component.count("stop")));
    } else if (type == "Metaspace") {
        steps.push_back(decode_metaspace(read_replacement(component), read_prepend_scheme(component)));
    } else {
        component.unsupported("this decoder");
    }
}

} // namespace graticule
