// The regular expressions that tokenizers split text with. Only known ones are taken, compared letter by letter: a
// backtracking engine is not run on a pattern that a file brings along, and the dialects of Onigmo and PCRE2 differ in
// places that would go unnoticed.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace graticule {

class SplitPattern {
public:
    /// Throws Error{unsupported} naming `where` and the pattern if it is not one of the known.
    [[nodiscard]] static std::shared_ptr<const SplitPattern> known(const std::string& pattern,
                                                                   const std::string& where);

    /// Calls use(begin, end) for each match in `text` (valid UTF-8), left to right.
    void for_each_match(std::string_view text, const std::function<void(std::size_t, std::size_t)>& use) const;

    ~SplitPattern();
    SplitPattern(const SplitPattern&) = delete;
    SplitPattern& operator=(const SplitPattern&) = delete;

private:
    struct Compiled;
    explicit SplitPattern(const std::string& pattern);
    std::unique_ptr<Compiled> compiled_;
};

namespace patterns {
inline constexpr const char* gpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
inline constexpr const char* llama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
inline constexpr const char* qwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
inline constexpr const char* tekken =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
inline constexpr const char* gpt4o =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
inline constexpr const char* bloom = R"( ?[^(\s|.,!?…。，、।۔،)]+)";
inline constexpr const char* three_digits = "[0-9][0-9][0-9]";
inline constexpr const char* one_number = R"(\p{N})";
inline constexpr const char* numbers = R"(\p{N}+)";
inline constexpr const char* up_to_three_numbers = R"(\p{N}{1,3})";
inline constexpr const char* falcon_punctuation = R"([\p{P}\$\+<=>\^~\|`]+)";
inline constexpr const char* default_punctuation = R"([\p{P}\$\+<=>\^~\|]+)";
inline constexpr const char* default_words =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S))";
} // namespace patterns

} // namespace graticule
