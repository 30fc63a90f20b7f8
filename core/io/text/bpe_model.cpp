#include <algorithm>
#include <queue>

#include "core/base/cancel_point.h"
#include "core/base/error.h"
#include "core/io/text/subword_model.h"
#include "core/io/text/token_table.h"

namespace graticule {
namespace {

struct Merge {
    std::int32_t rank = -1; ///< -1: no such merge
    std::int32_t id = 0;
};

/// (left id, right id) to merge: open addressing, since this look-up is what tokenizing a text spends its time on.
class MergeTable {
public:
    explicit MergeTable(std::size_t count) {
        std::size_t size = 16;
        while (size < count * 2) size *= 2;
        slots_.resize(size);
    }

    void set(std::int32_t left, std::int32_t right, Merge merge) {
        Slot& slot = slots_[place_of(key_of(left, right))];
        slot = {key_of(left, right), merge};
    }
    [[nodiscard]] Merge find(std::int32_t left, std::int32_t right) const {
        return slots_[place_of(key_of(left, right))].merge;
    }

private:
    static constexpr std::uint64_t no_key = ~std::uint64_t{0};
    struct Slot {
        std::uint64_t key = no_key;
        Merge merge;
    };
    static std::uint64_t key_of(std::int32_t left, std::int32_t right) {
        return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
    }
    [[nodiscard]] std::size_t place_of(std::uint64_t key) const {
        const std::size_t mask = slots_.size() - 1;
        std::size_t place = static_cast<std::size_t>((key * 0x9E3779B97F4A7C15u) >> 20) & mask;
        while (slots_[place].key != no_key && slots_[place].key != key) place = (place + 1) & mask;
        return place;
    }

    std::vector<Slot> slots_;
};

class BpeModel final : public SubwordModel {
public:
    BpeModel(BpeSpec spec, const std::string& where)
        : table_(std::move(spec.tokens))
        , merges_(spec.merges.size())
        , fuse_unknown_(spec.fuse_unknown)
        , byte_fallback_(spec.byte_fallback)
        , ignore_merges_(spec.ignore_merges) {
        if (!spec.unknown_token.empty()) unknown_ = require(spec.unknown_token, where, "the unknown token");
        std::int32_t rank = 0;
        std::string joined;
        for (const auto& [left, right] : spec.merges) {
            (joined = left) += right;
            const Merge merge = {rank++, require(joined, where, "the result of a merge")};
            merges_.set(require(left, where, "part of a merge"), require(right, where, "part of a merge"), merge);
        }
        common_.fill(-1);
        std::string text;
        for (char32_t c = 1; c < common_.size(); ++c) {
            text.clear();
            append_utf8(text, c);
            common_[c] = table_.find(text).value_or(-1);
        }
        independent_ = table_.find("\xE2\x96\x81").has_value() && table_.words_are_independent();
    }

    void encode(std::string_view piece, std::vector<std::int32_t>& ids) const override {
        if (ignore_merges_)
            if (const auto whole = table_.find(piece)) return ids.push_back(*whole);
        const std::size_t first = ids.size();
        append_characters(piece, ids);
        constexpr std::size_t short_piece = 32; // up to here looking at every pair each time beats keeping a queue
        if (ids.size() - first <= short_piece)
            merge_short(ids, first);
        else
            merge_long(ids, first);
    }

    std::optional<std::int32_t> id_of(std::string_view token) const override { return table_.find(token); }
    const std::vector<std::string>& tokens() const override { return table_.tokens(); }
    bool words_are_independent() const override { return independent_; }

private:
    std::int32_t require(const std::string& token, const std::string& where, const char* what) const {
        const auto id = table_.find(token);
        if (!id)
            throw Error(ErrorKind::bad_input, where + ": " + what + ", \"" + token + "\", is not in the vocabulary");
        return *id;
    }

    void append_characters(std::string_view piece, std::vector<std::int32_t>& ids) const {
        bool unknown_pending = false;
        const auto flush = [&] {
            if (unknown_pending) ids.push_back(*unknown_);
            unknown_pending = false;
        };
        for (std::size_t at = 0, length = 0; at < piece.size(); at += length) {
            length = utf8_length(piece, at);
            const std::string_view character = piece.substr(at, length);
            const char32_t c = utf8_code_point(piece, at);
            const std::int32_t id = c != 0 && c < common_.size() ? common_[c] : table_.find(character).value_or(-1);
            if (id >= 0) {
                flush();
                ids.push_back(id);
                continue;
            }
            if (byte_fallback_ && append_bytes(character, ids)) continue;
            if (!unknown_) continue;
            if (!fuse_unknown_) flush();
            unknown_pending = true;
        }
        flush();
    }

    bool append_bytes(std::string_view character, std::vector<std::int32_t>& ids) const {
        for (const char byte : character)
            if (table_.byte_id(byte) < 0) return false;
        for (const char byte : character) ids.push_back(table_.byte_id(byte));
        return true;
    }

    void merge_short(std::vector<std::int32_t>& ids, std::size_t first) const {
        while (ids.size() - first >= 2) {
            Merge best;
            std::size_t best_at = 0;
            for (std::size_t i = first; i + 1 < ids.size(); ++i) {
                const Merge merge = merges_.find(ids[i], ids[i + 1]);
                if (merge.rank >= 0 && (best.rank < 0 || merge.rank < best.rank)) { // strict: the leftmost of equals
                    best = merge;
                    best_at = i;
                }
            }
            if (best.rank < 0) return;
            ids[best_at] = best.id;
            ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(best_at) + 1);
        }
    }

    struct Candidate {
        std::int32_t rank;
        std::uint32_t at;
        std::int32_t id;                               ///< what the pair became; tells a stale entry
        bool operator<(const Candidate& other) const { // top of the queue: lowest rank, then leftmost
            return std::pair(rank, at) > std::pair(other.rank, other.at);
        }
    };

    void merge_long(std::vector<std::int32_t>& ids, std::size_t first) const {
        constexpr std::uint32_t none = ~std::uint32_t{0};
        const auto count = static_cast<std::uint32_t>(ids.size() - first);
        std::vector<std::int32_t> symbol(ids.begin() + static_cast<std::ptrdiff_t>(first), ids.end());
        std::vector<std::uint32_t> next(count), previous(count);
        std::vector<Candidate> found;
        const auto consider = [&](std::uint32_t at, auto&& put) {
            if (at == none || next[at] == none) return;
            const Merge merge = merges_.find(symbol[at], symbol[next[at]]);
            if (merge.rank >= 0) put(Candidate{merge.rank, at, merge.id});
        };
        for (std::uint32_t i = 0; i < count; ++i) {
            next[i] = i + 1 < count ? i + 1 : none;
            previous[i] = i > 0 ? i - 1 : none;
        }
        for (std::uint32_t i = 0; i < count; ++i) consider(i, [&](Candidate c) { found.push_back(c); });
        std::priority_queue<Candidate> queue(std::less<Candidate>(), std::move(found));
        for (std::uint32_t turn = 1; !queue.empty(); ++turn) {
            if (turn % 0x10000 == 0) cancel_point();
            const Candidate top = queue.top();
            queue.pop();
            if (symbol[top.at] < 0 || next[top.at] == none) continue;
            const std::uint32_t right = next[top.at];
            const Merge now = merges_.find(symbol[top.at], symbol[right]);
            if (now.rank < 0 || now.id != top.id) continue; // one side has been merged meanwhile
            symbol[top.at] = now.id;
            symbol[right] = -1;
            next[top.at] = next[right];
            if (next[right] != none) previous[next[right]] = top.at;
            consider(previous[top.at], [&](Candidate c) { queue.push(c); });
            consider(top.at, [&](Candidate c) { queue.push(c); });
        }
        ids.resize(first);
        std::copy_if(symbol.begin(), symbol.end(), std::back_inserter(ids), [](std::int32_t id) { return id >= 0; });
    }

    TokenTable table_;
    MergeTable merges_;
    std::optional<std::int32_t> unknown_;
    std::array<std::int32_t, 0x800> common_{}; ///< ids of the characters below U+0800
    bool fuse_unknown_, byte_fallback_, ignore_merges_;
    bool independent_ = false;
};

} // namespace

std::shared_ptr<const SubwordModel> make_bpe_model(BpeSpec spec, const std::string& where) {
    return std::make_shared<BpeModel>(std::move(spec), where);
}

} // namespace graticule
