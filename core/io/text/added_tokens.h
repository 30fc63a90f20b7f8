// Tokens that are found in the text as a whole before anything else happens to it: special tokens and words added to a
// vocabulary.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
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

/// Finds them, leftmost first and the longest of those that start there, in time linear in the text whatever the tokens
/// are. The automaton of the tokens written backwards (Aho and Corasick 1975) goes through the text from behind, and so
/// knows at every place the longest token that starts there.
class AddedTokenMatcher {
public:
    /// Empty ones are left out; of several with one content the last counts. Throws Error{bad_input} when they have
    /// more bytes than any vocabulary.
    explicit AddedTokenMatcher(std::vector<AddedToken> tokens = {});

    /// Calls on_text(piece, offset) for the text between the tokens (never empty) and on_token(id) for the tokens, in
    /// order.
    void split(std::string_view text, const std::function<void(std::string_view, std::size_t)>& on_text,
               const std::function<void(std::int32_t)>& on_token) const;

private:
    static constexpr std::int32_t none = -1;
    /// An end of tokens, read backwards; its children are ends one byte longer.
    struct Node {
        std::int32_t child = none, sibling = none;
        std::int32_t fallback = 0; ///< node of the longest shorter text that this one begins with
        std::int32_t token = none; ///< the longest token that this text begins with
        char byte = 0;
    };

    void insert(std::int32_t token);
    void link();
    [[nodiscard]] std::int32_t child(std::int32_t node, char byte) const;
    [[nodiscard]] std::int32_t step(std::int32_t node, char byte) const;
    /// Which token is the longest that starts at each place of text[begin, end).
    void find_starts(std::string_view text, std::size_t begin, std::size_t end,
                     std::vector<std::int32_t>& starts) const;

    std::vector<AddedToken> tokens_;
    std::vector<Node> nodes_;               ///< the root first
    std::array<std::int32_t, 256> first_{}; ///< the root's children
    std::size_t longest_ = 0;               ///< bytes of a token
};

} // namespace graticule
