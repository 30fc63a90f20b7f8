#include "core/io/text/added_tokens.h"

#include <algorithm>
#include <utility>

#include "core/io/text/unicode.h"
#include "core/io/text/utf8.h"

namespace graticule {
namespace {

std::size_t character_before(std::string_view text, std::size_t at) {
    do --at;
    while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80);
    return at;
}

std::size_t without_space_before(std::string_view text, std::size_t at) {
    while (at > 0) {
        const std::size_t previous = character_before(text, at);
        if (!is_white_space(utf8_code_point(text, previous))) break;
        at = previous;
    }
    return at;
}

std::size_t without_space_after(std::string_view text, std::size_t at) {
    while (at < text.size() && is_white_space(utf8_code_point(text, at))) at += utf8_length(text, at);
    return at;
}

bool stands_alone(std::string_view text, std::size_t begin, std::size_t end) {
    if (begin > 0 && is_word_character(utf8_code_point(text, character_before(text, begin)))) return false;
    return end >= text.size() || !is_word_character(utf8_code_point(text, end));
}

} // namespace

void AddedTokenMatcher::add(AddedToken token) {
    if (token.content.empty()) return;
    auto& lengths = lengths_[static_cast<unsigned char>(token.content.front())];
    const std::size_t length = token.content.size();
    const auto place = std::lower_bound(lengths.begin(), lengths.end(), length, std::greater<>());
    if (place == lengths.end() || *place != length) lengths.insert(place, length);
    std::string content = token.content;
    tokens_.insert_or_assign(std::move(content), std::move(token));
}

const AddedToken* AddedTokenMatcher::longest_at(std::string_view text, std::size_t at) const {
    for (const std::size_t length : lengths_[static_cast<unsigned char>(text[at])]) {
        if (length > text.size() - at) continue;
        const auto found = tokens_.find(std::string(text.substr(at, length)));
        if (found != tokens_.end()) return &found->second;
    }
    return nullptr;
}

void AddedTokenMatcher::split(std::string_view text, const std::function<void(std::string_view, std::size_t)>& on_text,
                              const std::function<void(std::int32_t)>& on_token) const {
    std::size_t done = 0;
    if (!tokens_.empty()) {
        for (std::size_t at = 0; at < text.size();) {
            const AddedToken* token = longest_at(text, at);
            if (token == nullptr) {
                ++at;
                continue;
            }
            std::size_t begin = at, end = at + token->content.size();
            at = end; // where the search goes on, whatever becomes of this match
            if (token->single_word && !stands_alone(text, begin, end)) continue;
            if (token->strip_left) begin = std::max(without_space_before(text, begin), done);
            if (token->strip_right) end = without_space_after(text, end);
            if (begin > done) on_text(text.substr(done, begin - done), done);
            on_token(token->id);
            done = end;
        }
    }
    if (done < text.size()) on_text(text.substr(done), done);
}

} // namespace graticule
