#include "core/io/text/token_decoder.h"

#include <charconv>
#include <numeric>
#include <optional>
#include <utility>

#include "core/io/text/normalizer.h"
#include "core/io/text/utf8.h"

namespace graticule {
namespace {

constexpr const char* replacement_character = "\xEF\xBF\xBD"; // U+FFFD

/// The bytes a byte-level token stands for; a token with other characters in it (an added one) is taken as it is
/// written.
std::string bytes_of(const std::string& token) {
    std::string bytes;
    for (std::size_t at = 0, length = 0; at < token.size(); at += length) {
        length = utf8_length(token, at);
        const int byte = length == 0 ? -1 : character_to_byte(utf8_code_point(token, at));
        if (byte < 0) return token;
        bytes += static_cast<char>(byte);
    }
    return bytes;
}

std::optional<char> byte_token(const std::string& token) {
    if (token.size() != 6 || !token.starts_with("<0x") || token.back() != '>') return std::nullopt;
    unsigned value = 0;
    const auto [end, error] = std::from_chars(token.data() + 3, token.data() + 5, value, 16);
    if (error != std::errc() || end != token.data() + 5) return std::nullopt;
    return static_cast<char>(value);
}

void flush_bytes(std::string& bytes, TokenTexts& out) {
    if (bytes.empty()) return;
    if (!first_invalid_utf8(bytes))
        out.push_back(bytes);
    else
        out.insert(out.end(), bytes.size(), replacement_character);
    bytes.clear();
}

} // namespace

DecodeStep decode_byte_level() {
    return [](const TokenTexts& tokens, std::size_t) {
        std::string bytes;
        for (const std::string& token : tokens) bytes += bytes_of(token);
        return TokenTexts{replace_invalid_utf8(bytes)};
    };
}

DecodeStep decode_byte_fallback() {
    return [](TokenTexts tokens, std::size_t) {
        TokenTexts result;
        result.reserve(tokens.size());
        std::string pending;
        for (std::string& token : tokens) {
            if (const auto byte = byte_token(token)) {
                pending += *byte;
                continue;
            }
            flush_bytes(pending, result);
            result.push_back(std::move(token));
        }
        flush_bytes(pending, result);
        return result;
    };
}

DecodeStep decode_replace(std::string from, std::string to) {
    return [from = std::move(from), to = std::move(to)](TokenTexts tokens, std::size_t limit) {
        std::size_t size = 0;
        for (std::string& token : tokens) {
            token = replaced(token, from, to, limit - size);
            size += token.size();
            check_growth(size, limit);
        }
        return tokens;
    };
}

DecodeStep decode_fuse() {
    return [](const TokenTexts& tokens, std::size_t) {
        return TokenTexts{std::accumulate(tokens.begin(), tokens.end(), std::string())};
    };
}

DecodeStep decode_strip(std::string character, std::size_t at_start, std::size_t at_end) {
    return [character = std::move(character), at_start, at_end](TokenTexts tokens, std::size_t) {
        for (std::string& token : tokens) {
            std::string_view rest = token;
            for (std::size_t i = 0; i < at_start && rest.starts_with(character); ++i)
                rest.remove_prefix(character.size());
            for (std::size_t i = 0; i < at_end && rest.ends_with(character); ++i) rest.remove_suffix(character.size());
            token = std::string(rest);
        }
        return tokens;
    };
}

DecodeStep decode_metaspace(std::string replacement, PrependScheme scheme) {
    return [replacement = std::move(replacement), scheme](TokenTexts tokens, std::size_t limit) {
        for (std::size_t i = 0; i < tokens.size(); ++i)
            tokens[i] = replaced(tokens[i], replacement, i == 0 && scheme != PrependScheme::never ? "" : " ", limit);
        return tokens;
    };
}

} // namespace graticule
