// Rewriting text before it is cut, as the "normalizer" of tokenizer.json lists it.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/io/text/unicode.h"

namespace graticule {

using NormalizeStep = std::function<std::string(std::string)>;

[[nodiscard]] NormalizeStep normalize_to(NormalForm form);
[[nodiscard]] NormalizeStep prepend_text(std::string prefix); ///< an empty text stays empty
[[nodiscard]] NormalizeStep replace_text(std::string from, std::string to);
[[nodiscard]] NormalizeStep to_lower_case();
[[nodiscard]] NormalizeStep strip_white_space(bool left, bool right);

/// Throws Error{bad_input} when a step has made `size` out of a text of `original` bytes and no real tokenizer would: a
/// file with a chain of replacements can make a text grow without end.
void check_growth(std::size_t size, std::size_t original);

[[nodiscard]] std::string apply_steps(const std::vector<NormalizeStep>& steps, std::string_view text);

/// Every occurrence of `from` (not empty), left to right.
[[nodiscard]] std::string replaced(std::string_view text, std::string_view from, std::string_view to);

} // namespace graticule
