// The component lists of tokenizer.json turned into steps. Each is {"type": "...", ...}; "Sequence" nests.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/io/text/normalizer.h"
#include "core/io/text/pre_tokenizer.h"
#include "core/io/text/token_decoder.h"

namespace graticule {

/// Reads members of one component; every message starts with the file and the component.
class JsonComponent {
public:
    JsonComponent(const nlohmann::json& value, std::string where);

    [[nodiscard]] const std::string& type() const { return type_; }
    [[nodiscard]] std::string text(const char* key) const;
    [[nodiscard]] std::string text_or(const char* key, std::string fallback) const;
    [[nodiscard]] bool flag(const char* key, bool fallback) const;
    [[nodiscard]] std::size_t count(const char* key) const;
    [[nodiscard]] const nlohmann::json& member(const char* key) const;
    /// {"String": s} or {"Regex": s}: the literal, or nothing and the regex in `regex`.
    [[nodiscard]] std::optional<std::string> literal_pattern(const char* key, std::string& regex) const;
    [[nodiscard]] std::vector<JsonComponent> children(const char* key) const;
    [[noreturn]] void bad(const std::string& what) const;
    [[noreturn]] void unsupported(const std::string& what) const;
    [[nodiscard]] const std::string& where() const { return where_; }

private:
    const nlohmann::json& value_;
    std::string where_;
    std::string type_;
};

void read_normalizer(const JsonComponent& component, std::vector<NormalizeStep>& steps);
void read_pre_tokenizer(const JsonComponent& component, std::vector<PreTokenStep>& steps, bool& byte_level_seen);
void read_decoder(const JsonComponent& component, std::vector<DecodeStep>& steps);

} // namespace graticule
