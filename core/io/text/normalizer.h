// Rewriting text before it is cut, as the "normalizer" of tokenizer.json lists it.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/io/text/unicode.h"

namespace graticule {

/// A text while it is normalized.
struct NormalText {
    std::string text;
    /// Whether its first character comes from the first of the original: "Metaspace first" asks, as the reference
    /// library does, where a text began before anything was deleted from its front.
    bool from_start = true;
};

/// Throws what check_growth does before it has made more than `limit` bytes.
using NormalizeStep = std::function<void(NormalText&, std::size_t limit)>;

[[nodiscard]] NormalizeStep normalize_to(NormalForm form);
[[nodiscard]] NormalizeStep prepend_text(std::string prefix); ///< an empty text stays empty
[[nodiscard]] NormalizeStep replace_text(std::string from, std::string to);
[[nodiscard]] NormalizeStep to_lower_case();
[[nodiscard]] NormalizeStep strip_white_space(bool left, bool right);

/// Bytes that no real tokenizer makes of a text of `original`: a file with a chain of replacements can make a text grow
/// without end.
[[nodiscard]] std::size_t growth_limit(std::size_t original);
/// Throws Error{bad_input} when a step makes more than that.
void check_growth(std::size_t size, std::size_t limit);

[[nodiscard]] NormalText apply_steps(const std::vector<NormalizeStep>& steps, std::string_view text);

/// Every occurrence of `from` (not empty), left to right; check_growth while it is made.
[[nodiscard]] std::string replaced(std::string_view text, std::string_view from, std::string_view to,
                                   std::size_t limit);

} // namespace graticule
