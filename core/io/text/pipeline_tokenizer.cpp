#include "core/io/text/pipeline_tokenizer.h"

#include <algorithm>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include "core/base/cancel_point.h"
#include "core/base/error.h"
#include "core/io/text/utf8.h"

namespace graticule {
namespace {

constexpr std::string_view space_mark = "\xE2\x96\x81"; // "▁"

/// Ids of the pieces met so far in one text: words repeat.
class PieceCache {
public:
    void encode(const SubwordModel& model, std::string_view piece, std::vector<std::int32_t>& ids) {
        constexpr std::size_t longest_kept = 64, most_kept = std::size_t{1} << 18;
        if (piece.size() > longest_kept || known_.size() > most_kept) return model.encode(piece, ids);
        auto [place, fresh] = known_.try_emplace(std::string(piece));
        if (fresh) {
            const auto begin = static_cast<std::uint32_t>(pool_.size());
            model.encode(piece, pool_);
            place->second = {begin, static_cast<std::uint32_t>(pool_.size()) - begin};
        }
        const auto first = pool_.begin() + static_cast<std::ptrdiff_t>(place->second.begin);
        ids.insert(ids.end(), first, first + static_cast<std::ptrdiff_t>(place->second.count));
    }

private:
    struct Range {
        std::uint32_t begin = 0;
        std::uint32_t count = 0;
    };
    std::unordered_map<std::string, Range> known_;
    std::vector<std::int32_t> pool_;
};

/// Cuts a piece before each run of "▁". Exact only for a model whose words are independent; then it turns one piece the
/// length of the text into words that repeat.
template <class Use>
void for_each_word(std::string_view piece, Use use) {
    std::size_t begin = 0;
    for (std::size_t at = piece.find(space_mark, 1); at != std::string_view::npos;
         at = piece.find(space_mark, at + space_mark.size())) {
        if (piece.substr(begin, at - begin).ends_with(space_mark)) continue; // inside a run
        use(piece.substr(begin, at - begin));
        begin = at;
    }
    use(piece.substr(begin));
}

std::size_t total_size(const TokenTexts& texts) {
    std::size_t size = 0;
    for (const std::string& text : texts) size += text.size();
    return size;
}

class PipelineTokenizer final : public Tokenizer {
public:
    explicit PipelineTokenizer(TokenizerParts parts)
        : parts_(std::move(parts)) {
        vocab_size_ = static_cast<std::int64_t>(parts_.model->tokens().size());
        std::vector<AddedToken> raw, normalized;
        for (AddedToken& token : parts_.added) {
            vocab_size_ = std::max<std::int64_t>(vocab_size_, std::int64_t{token.id} + 1);
            added_text_.emplace(token.id, token.content);
            if (token.special) special_.push_back(token.id);
            if (token.normalized) {
                token.content = apply_steps(parts_.normalizers, token.content).text;
                normalized.push_back(std::move(token));
            } else {
                raw.push_back(std::move(token));
            }
        }
        std::sort(special_.begin(), special_.end());
        parts_.added.clear();
        raw_matcher_ = AddedTokenMatcher(std::move(raw));
        normalized_matcher_ = AddedTokenMatcher(std::move(normalized));
    }

    std::vector<std::int32_t> encode(std::string_view text, bool add_special) const override {
        require_utf8(text, "the text to tokenize");
        return blaming_the_file([&] { return encode_valid(text, add_special); });
    }

    std::string decode(std::span<const std::int32_t> ids) const override {
        return blaming_the_file([&] { return decode_known(ids); });
    }

    std::int64_t vocab_size() const override { return vocab_size_; }
    std::string token_text(std::int32_t id) const override {
        if (const auto found = added_text_.find(id); found != added_text_.end()) return found->second;
        const auto& tokens = parts_.model->tokens();
        return id >= 0 && static_cast<std::size_t>(id) < tokens.size() ? tokens[static_cast<std::size_t>(id)]
                                                                       : std::string();
    }
    std::optional<std::int32_t> bos() const override { return parts_.bos; }
    std::optional<std::int32_t> eos() const override { return parts_.eos; }
    std::vector<std::string> notes() const override { return parts_.notes; }
    std::string description() const override {
        return parts_.kind + ", " + std::to_string(vocab_size_) + " tokens, from " + parts_.origin;
    }

private:
    /// What goes wrong from here on is the file's doing: a text that is UTF-8 can be tokenized.
    template <class Work>
    std::invoke_result_t<Work> blaming_the_file(Work work) const {
        try {
            return work();
        } catch (Error& error) {
            error.add_context("tokenizing by " + parts_.file);
            throw;
        }
    }

    std::vector<std::int32_t> encode_valid(std::string_view text, bool add_special) const {
        std::vector<std::int32_t> ids;
        PieceCache cache;
        if (add_special) ids = parts_.prefix;
        const auto on_token = [&](std::int32_t id) { ids.push_back(id); };
        raw_matcher_.split(
            text,
            [&](std::string_view raw, std::size_t raw_offset) {
                const NormalText normal = apply_steps(parts_.normalizers, raw);
                normalized_matcher_.split(
                    normal.text,
                    [&](std::string_view piece, std::size_t offset) {
                        encode_text(piece, normal.from_start && raw_offset + offset == 0, cache, ids);
                    },
                    on_token);
            },
            on_token);
        if (add_special) ids.insert(ids.end(), parts_.suffix.begin(), parts_.suffix.end());
        return ids;
    }

    std::string decode_known(std::span<const std::int32_t> ids) const {
        TokenTexts texts;
        texts.reserve(ids.size());
        for (const std::int32_t id : ids) {
            if (std::binary_search(special_.begin(), special_.end(), id)) continue;
            if (std::string token = token_text(id); !token.empty()) texts.push_back(std::move(token));
        }
        const std::size_t limit = growth_limit(total_size(texts));
        for (const DecodeStep& step : parts_.decoders) {
            cancel_point();
            texts = step(std::move(texts), limit);
            check_growth(total_size(texts), limit);
        }
        std::string text;
        for (std::size_t i = 0; i < texts.size(); ++i) {
            if (i > 0 && parts_.decoders.empty()) text += ' ';
            text += texts[i];
        }
        return text;
    }

    void encode_text(std::string_view text, bool starts_document, PieceCache& cache,
                     std::vector<std::int32_t>& ids) const {
        const std::size_t limit = growth_limit(text.size());
        Pieces pieces{std::string(text), {{0, text.size()}}, starts_document};
        for (const PreTokenStep& step : parts_.pre_tokenizers) {
            cancel_point();
            step(pieces);
            check_growth(pieces.text.size(), limit);
            std::erase_if(pieces.ranges, [](const TextRange& range) { return range.begin == range.end; });
        }
        const bool by_words = parts_.model->words_are_independent();
        std::size_t since_asked = 0; // bytes
        for (const TextRange& range : pieces.ranges) {
            since_asked += range.end - range.begin;
            if (since_asked > (std::size_t{1} << 16)) {
                cancel_point();
                since_asked = 0;
            }
            const std::string_view piece = pieces.piece(range);
            if (by_words)
                for_each_word(piece, [&](std::string_view word) { cache.encode(*parts_.model, word, ids); });
            else
                cache.encode(*parts_.model, piece, ids);
        }
    }

    TokenizerParts parts_;
    AddedTokenMatcher raw_matcher_, normalized_matcher_;
    std::unordered_map<std::int32_t, std::string> added_text_;
    std::vector<std::int32_t> special_;
    std::int64_t vocab_size_ = 0;
};

} // namespace

std::shared_ptr<const Tokenizer> make_pipeline_tokenizer(TokenizerParts parts) {
    GRATICULE_ASSERT(parts.model != nullptr && !parts.file.empty(), "a tokenizer without a model or a file");
    const std::string file = parts.file;
    try {
        return std::make_shared<PipelineTokenizer>(std::move(parts));
    } catch (Error& error) {
        error.add_context("reading the tokenizer in " + file);
        throw;
    }
}

} // namespace graticule
