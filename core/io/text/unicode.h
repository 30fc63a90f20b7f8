// Character classes and normal forms, by utf8proc. All texts are valid UTF-8.
#pragma once

#include <string>
#include <string_view>

namespace graticule {

[[nodiscard]] bool is_white_space(char32_t c);    ///< White_Space property
[[nodiscard]] bool is_numeric(char32_t c);        ///< categories N*
[[nodiscard]] bool is_punctuation(char32_t c);    ///< categories P*, and the ASCII symbols
[[nodiscard]] bool is_word_character(char32_t c); ///< \w of a Unicode regex

enum class NormalForm { c, d, kc, kd };
[[nodiscard]] std::string normalized(std::string_view text, NormalForm form);
[[nodiscard]] std::string lower_case(std::string_view text);

} // namespace graticule
