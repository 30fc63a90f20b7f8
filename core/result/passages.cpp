#include "core/result/passages.h"

#include <algorithm>
#include <functional>
#include <span>
#include <string_view>
#include <utility>

#include "core/base/error.h"

namespace graticule {

namespace {

/// What `ids` say, without a character at the end that is not whole yet.
std::string whole_characters(const Tokenizer& tokenizer, const std::vector<std::int32_t>& ids) {
    static constexpr std::string_view replacement = "\xEF\xBF\xBD";
    std::string text = tokenizer.decode(ids);
    while (text.ends_with(replacement)) text.resize(text.size() - replacement.size());
    return text;
}

/// Texts of tokens in a row, each what it adds: blanks and characters of several tokens show where they belong.
class TextSoFar {
public:
    TextSoFar(const Tokenizer& tokenizer, std::vector<std::int32_t> before)
        : tokenizer_(tokenizer)
        , ids_(std::move(before))
        , text_(whole_characters(tokenizer, ids_)) {}

    [[nodiscard]] std::string with(std::int32_t id) const {
        std::vector<std::int32_t> ids = ids_;
        ids.push_back(id);
        const std::string text = whole_characters(tokenizer_, ids);
        return text.starts_with(text_) ? text.substr(text_.size()) : std::string();
    }
    std::string add(std::int32_t id) {
        std::string added = with(id);
        ids_.push_back(id);
        text_ += added;
        return added;
    }

private:
    const Tokenizer& tokenizer_;
    std::vector<std::int32_t> ids_;
    std::string text_;
};

/// What `side` thought likely at its prediction `place`, behind the text so far.
std::vector<LikelyText> likely_at(const Evaluation& side, std::size_t place, const TextSoFar& text) {
    const std::size_t count = side.likely.size() / side.predictions.size();
    std::vector<LikelyText> all;
    for (const LikelyToken& token : std::span(side.likely).subspan(place * count, count))
        all.push_back({text.with(token.token), double(token.probability)});
    return all;
}

} // namespace

std::vector<Passage> worst_passages(const Evaluation& baseline, const Evaluation& other, const Tokenizer& tokenizer,
                                    std::size_t count, std::int64_t length) {
    const TokenPredictions &before = baseline.predictions, &after = other.predictions;
    if (before.empty() || after.empty()) return {};
    GRATICULE_ASSERT(before.size() == after.size(), "two sides of one pass");
    const std::int64_t targets = other.protocol.scored(), front = other.protocol.first_scored();
    std::vector<Passage> all;
    for (std::int64_t window = 0; window * targets < std::ssize(after); ++window)
        for (std::int64_t first = 0; first < targets; first += length) {
            const std::int64_t tokens = std::min(length, targets - first);
            Passage& passage = all.emplace_back();
            passage.window = window;
            passage.first = front + first;
            for (std::int64_t i = 0; i < tokens; ++i)
                passage.mean += double(after[std::size_t(window * targets + first + i)].divergence) / double(tokens);
            passage.tokens.resize(std::size_t(tokens));
        }
    std::ranges::stable_sort(all, std::ranges::greater(), &Passage::mean);
    all.resize(std::min(count, all.size()));
    for (Passage& passage : all) {
        const auto start = static_cast<std::size_t>(passage.window * targets + passage.first - front);
        // Behind the token in front, so that a blank between the two is kept; a window's first scored one has none
        // here.
        std::vector<std::int32_t> in_front;
        if (passage.first > front) in_front.push_back(after[start - 1].token);
        TextSoFar text(tokenizer, std::move(in_front));
        for (std::size_t i = 0; i < passage.tokens.size(); ++i) {
            const TokenPrediction &was = before[start + i], &is = after[start + i];
            PassageToken& token = passage.tokens[i];
            token.divergence = is.divergence;
            token.loss_change = double(is.loss) - double(was.loss);
            token.baseline_choice = text.with(was.choice);
            token.choice = text.with(is.choice);
            token.baseline_likely = likely_at(baseline, start + i, text);
            token.likely = likely_at(other, start + i, text);
            token.text = text.add(is.token);
        }
    }
    return all;
}

} // namespace graticule
