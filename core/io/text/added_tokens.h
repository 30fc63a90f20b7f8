// Tokens that are found in the text as a whole before anything else happens to it: special tokens and words added to a
// vocabulary.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace graticule {

struct AddedToken {
    std::string content;
    std::int32_t id = 0;
    bool special = false;    ///< left out when ids become text
    bool normalized = false; ///< looked for in the normalized text
    bool strip_left = false; ///< takes the white space on its left with it
    bool strip_right = false;
    bool single_word = false; ///< only where no word character touches it
};

/// Finds them, leftmost first and the longest of those that start there.
class AddedTokenMatcher {
public:
    void add(AddedToken token);
    [[nodiscard]] bool empty() const { return tokens_.empty(); }

    /// Calls on_text(piece, offset) for the text between the tokens (never empty) and on_token(id) for the tokens, in
    /// order.
    void split(std::string_view text, const std::function<void(std::string_view, std::size_t)>& on_text,
               const std::function<void(std::int32_t)>& on_token) const;

private:
    [[nodiscard]] const AddedToken* longest_at(std::string_view text, std::size_t at) const;

    std::unordered_map<std::string, AddedToken> tokens_;
    std::array<std::vector<std::size_t>, 256> lengths_; ///< of the tokens that start with this byte, longest first
};

} // namespace graticule
