// Rewriting text before it is cut, as the "normalizer" of tokenizer.json lists it.
#pragma once

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

[[nodiscard]] std::string apply_steps(const std::vector<NormalizeStep>& steps, std::string_view text);

/// Every occurrence of `from` (not empty), left to right.
[[nodiscard]] std::string replaced(std::string_view text, std::string_view from, std::string_view to);

} // namespace graticule
