// From a piece of text to token ids: byte pair encoding, by ranks of merges (tokenizer.json, merges.txt) or by scores
// of tokens (SentencePiece).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace graticule {

class SubwordModel {
public:
    virtual ~SubwordModel() = default;

    /// Appends the ids of `piece` (valid UTF-8). Nearly linear in its length: a piece may be a whole text.
    virtual void encode(std::string_view piece, std::vector<std::int32_t>& ids) const = 0;
    [[nodiscard]] virtual std::optional<std::int32_t> id_of(std::string_view token) const = 0;
    [[nodiscard]] virtual const std::vector<std::string>& tokens() const = 0; ///< by id; empty: no such id
    /// True when no token holds a non-"▁" followed by "▁": then a text may be cut before each "▁" run without changing
    /// the result.
    [[nodiscard]] virtual bool words_are_independent() const = 0;
};

struct BpeSpec {
    std::vector<std::string> tokens;
    std::vector<std::pair<std::string, std::string>> merges; ///< in order of rank
    std::string unknown_token;                               ///< empty: unknown characters vanish
    bool fuse_unknown = false;                               ///< neighbouring unknown characters become one token
    bool byte_fallback = false;                              ///< unknown characters become "<0xNN>" tokens
    bool ignore_merges = false; ///< a piece that is a token is that token, whatever the merges say
};

/// Throws Error{bad_input} naming `where` for a merge whose parts or result are no tokens.
[[nodiscard]] std::shared_ptr<const SubwordModel> make_bpe_model(BpeSpec spec, const std::string& where);

struct ScoredSpec {
    std::vector<std::string> tokens;
    std::vector<float> scores;   ///< neighbours that make up the token of the highest score are joined first
    std::vector<bool> mergeable; ///< false: control tokens and the like, never made from text
    std::int32_t unknown_id = 0;
};

[[nodiscard]] std::shared_ptr<const SubwordModel> make_scored_model(ScoredSpec spec);

} // namespace graticule
