#include <algorithm>
#include <queue>

#include "core/base/cancel_point.h"
#include "core/base/error.h"
#include "core/io/text/subword_model.h"
#include "core/io/text/token_table.h"

namespace graticule {
namespace {

/// SentencePiece's byte pair encoding: there is no list of merges, any two neighbours whose texts together are a token
/// may be joined, the token of the highest score first. A character need not be a token itself to become part of one.
class ScoredModel final : public SubwordModel {
public:
    explicit ScoredModel(ScoredSpec spec)
        : table_(std::move(spec.tokens))
        , scores_(std::move(spec.scores))
        , mergeable_(std::move(spec.mergeable))
        , unknown_id_(spec.unknown_id) {
        const std::size_t count = table_.tokens().size();
        GRATICULE_ASSERT(scores_.size() == count && mergeable_.size() == count, "a score and a kind for each token");
        independent_ = table_.words_are_independent();
    }

    void encode(std::string_view piece, std::vector<std::int32_t>& ids) const override {
        std::vector<Symbol> symbols = characters(piece);
        std::priority_queue<Candidate> queue;
        for (std::uint32_t i = 0; i + 1 < symbols.size(); ++i) consider(piece, symbols, i, queue);
        for (std::uint32_t turn = 1; !queue.empty(); ++turn) {
            if (turn % 0x10000 == 0) cancel_point();
            const Candidate top = queue.top();
            queue.pop();
            Symbol& left = symbols[top.at];
            if (left.length == 0 || left.next == none) continue;
            Symbol& right = symbols[left.next];
            if (left.length + right.length != top.length) continue; // one side has been joined meanwhile
            left.length = top.length;
            right.length = 0;
            left.next = right.next;
            if (right.next != none) symbols[right.next].previous = top.at;
            if (left.previous != none) consider(piece, symbols, left.previous, queue);
            consider(piece, symbols, top.at, queue);
        }
        bool after_unknown = false;
        for (const Symbol& symbol : symbols)
            if (symbol.length > 0)
                after_unknown = append(piece.substr(symbol.begin, symbol.length), after_unknown, ids);
    }

    std::optional<std::int32_t> id_of(std::string_view token) const override { return table_.find(token); }
    const std::vector<std::string>& tokens() const override { return table_.tokens(); }
    bool words_are_independent() const override { return independent_; }

private:
    static constexpr std::uint32_t none = ~std::uint32_t{0};

    struct Symbol {
        std::uint32_t begin = 0;
        std::uint32_t length = 0; ///< 0: joined to its left neighbour
        std::uint32_t previous = none;
        std::uint32_t next = none;
    };

    struct Candidate {
        float score;
        std::uint32_t at;
        std::uint32_t length;                          ///< of the token; tells a stale entry
        bool operator<(const Candidate& other) const { // top of the queue: highest score, then leftmost
            return score < other.score || (score == other.score && at > other.at);
        }
    };

    static std::vector<Symbol> characters(std::string_view piece) {
        std::vector<Symbol> symbols;
        symbols.reserve(piece.size());
        for (std::size_t at = 0, length = 0; at < piece.size(); at += length) {
            length = utf8_length(piece, at);
            const auto index = static_cast<std::uint32_t>(symbols.size());
            symbols.push_back({static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(length),
                               index > 0 ? index - 1 : none, at + length < piece.size() ? index + 1 : none});
        }
        return symbols;
    }

    void consider(std::string_view piece, const std::vector<Symbol>& symbols, std::uint32_t at,
                  std::priority_queue<Candidate>& queue) const {
        const Symbol& left = symbols[at];
        if (left.next == none) return;
        const std::uint32_t length = left.length + symbols[left.next].length;
        const auto id = table_.find(piece.substr(left.begin, length));
        if (id && mergeable_[static_cast<std::size_t>(*id)])
            queue.push({scores_[static_cast<std::size_t>(*id)], at, length});
    }

    /// Returns whether `text` is unknown; neighbouring unknown ones share one id.
    bool append(std::string_view text, bool after_unknown, std::vector<std::int32_t>& ids) const {
        if (const auto id = table_.find(text); id && mergeable_[static_cast<std::size_t>(*id)]) {
            ids.push_back(*id);
            return false;
        }
        if (std::all_of(text.begin(), text.end(), [&](char byte) { return table_.byte_id(byte) >= 0; })) {
            for (const char byte : text) ids.push_back(table_.byte_id(byte));
            return false;
        }
        if (!after_unknown) ids.push_back(unknown_id_);
        return true;
    }

    TokenTable table_;
    std::vector<float> scores_;
    std::vector<bool> mergeable_;
    std::int32_t unknown_id_;
    bool independent_ = false;
};

} // namespace

std::shared_ptr<const SubwordModel> make_scored_model(ScoredSpec spec) {
    return std::make_shared<ScoredModel>(std::move(spec));
}

} // namespace graticule
