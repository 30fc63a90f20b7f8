// Tables in code that hold several words in one text: "attn_q attn_k attn_v".
#pragma once

#include <string_view>

namespace graticule {

/// Whether `word` is one of `words`, which spaces separate; one that ends in * stands for all that begin so.
[[nodiscard]] constexpr bool lists(std::string_view words, std::string_view word) {
    while (!words.empty()) {
        const auto space = words.find(' ');
        const std::string_view row = words.substr(0, space);
        if (row.ends_with('*') ? word.starts_with(row.substr(0, row.size() - 1)) : word == row) return true;
        words.remove_prefix(space == std::string_view::npos ? words.size() : space + 1);
    }
    return false;
}

} // namespace graticule
