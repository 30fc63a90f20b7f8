// JSON from outside: bounded in size and depth, duplicate keys refused, every error names the file and the place.
//
//     const nlohmann::json config = read_json_file(folder / "config.json");
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace graticule {

struct JsonLimits {
    std::size_t bytes = std::size_t{16} << 20;
    int depth = 64;
};

/// Throws Error{bad_input}; `name` is how the message calls the text, a path as a rule.
[[nodiscard]] nlohmann::json parse_json(std::string_view text, const std::string& name, const JsonLimits& limits = {});
[[nodiscard]] nlohmann::json read_json_file(const std::filesystem::path& path, const JsonLimits& limits = {});

/// Owns what was read from a large file. nlohmann's own destructor collects all children of a value in a vector before
/// it frees them, and where there is no memory for that the program ends without a word; this one frees in place.
class JsonDocument {
public:
    explicit JsonDocument(nlohmann::json&& value);
    JsonDocument(JsonDocument&&) noexcept;
    JsonDocument& operator=(JsonDocument&&) = delete;
    ~JsonDocument();
    [[nodiscard]] const nlohmann::json& value() const { return *value_; }

private:
    std::unique_ptr<nlohmann::json> value_;
};

/// What parse_json refuses before it parses, and how it says that the text is no JSON (`what`: the parser's words): for
/// readers that take values as they come.
void check_json_text(std::string_view text, const std::string& name, const JsonLimits& limits);
[[noreturn]] void fail_json(const std::string& name, std::size_t position, const std::string& what);

/// Whole file as text, refused above `max_bytes`.
[[nodiscard]] std::string read_text_file(const std::filesystem::path& path, std::size_t max_bytes);

} // namespace graticule
