// UTF-8, strictly: no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace graticule {

/// Length in bytes of the code point at `text[at]`; 0 where the bytes are not UTF-8.
[[nodiscard]] std::size_t utf8_length(std::string_view text, std::size_t at);
/// The code point at `text[at]`, which must be valid.
[[nodiscard]] char32_t utf8_code_point(std::string_view text, std::size_t at);
void append_utf8(std::string& text, char32_t code_point);

/// Offset of the first byte that is not UTF-8.
[[nodiscard]] std::optional<std::size_t> first_invalid_utf8(std::string_view text);
/// Throws Error{bad_input} naming `what`, the offset and the byte.
void require_utf8(std::string_view text, const std::string& what);
/// Each byte that is not part of UTF-8 becomes U+FFFD (a truncated sequence becomes one), as in Python's "replace".
[[nodiscard]] std::string replace_invalid_utf8(std::string_view text);

} // namespace graticule
