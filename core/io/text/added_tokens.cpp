#include "core/io/text/added_tokens.h"

#include <algorithm>
#include <utility>

#include "core/base/cancel_point.h"
#include "core/base/error.h"
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

AddedTokenMatcher::AddedTokenMatcher(std::vector<AddedToken> tokens)
    : tokens_(std::move(tokens))
    , nodes_(1) {
    constexpr std::size_t most_bytes = std::size_t{16} << 20; // thirty times those of the largest vocabularies
    std::size_t bytes = 0;
    for (const AddedToken& token : tokens_) {
        bytes += token.content.size();
        longest_ = std::max(longest_, token.content.size());
    }
    if (bytes > most_bytes)
        throw Error(ErrorKind::bad_input, "the added tokens of the tokenizer have " + std::to_string(bytes) +
                                              " bytes; at most " + std::to_string(most_bytes) + " are read");
    first_.fill(none);
    for (std::size_t i = 0; i < tokens_.size(); ++i)
        if (!tokens_[i].content.empty()) insert(static_cast<std::int32_t>(i));
    link();
}

void AddedTokenMatcher::insert(std::int32_t token) {
    const std::string& content = tokens_[static_cast<std::size_t>(token)].content;
    std::int32_t at = 0;
    for (auto byte = content.rbegin(); byte != content.rend(); ++byte) {
        std::int32_t next = child(at, *byte);
        if (next == none) {
            next = static_cast<std::int32_t>(nodes_.size());
            Node fresh;
            fresh.byte = *byte;
            fresh.sibling = std::exchange(nodes_[static_cast<std::size_t>(at)].child, next);
            nodes_.push_back(fresh);
            if (at == 0) first_[static_cast<unsigned char>(*byte)] = next;
        }
        at = next;
    }
    nodes_[static_cast<std::size_t>(at)].token = token;
}

std::int32_t AddedTokenMatcher::child(std::int32_t node, char byte) const {
    if (node == 0) return first_[static_cast<unsigned char>(byte)];
    std::int32_t at = nodes_[static_cast<std::size_t>(node)].child;
    while (at != none && nodes_[static_cast<std::size_t>(at)].byte != byte)
        at = nodes_[static_cast<std::size_t>(at)].sibling;
    return at;
}

std::int32_t AddedTokenMatcher::step(std::int32_t node, char byte) const {
    for (;; node = nodes_[static_cast<std::size_t>(node)].fallback) {
        if (const std::int32_t next = child(node, byte); next != none) return next;
        if (node == 0) return 0;
    }
}

/// Shorter texts first: what a node falls back to is complete before it is asked.
void AddedTokenMatcher::link() {
    std::vector<std::int32_t> order{0};
    order.reserve(nodes_.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
        const std::int32_t above = order[i];
        for (std::int32_t at = nodes_[static_cast<std::size_t>(above)].child; at != none;) {
            Node& node = nodes_[static_cast<std::size_t>(at)];
            node.fallback = above == 0 ? 0 : step(nodes_[static_cast<std::size_t>(above)].fallback, node.byte);
            if (node.token == none) node.token = nodes_[static_cast<std::size_t>(node.fallback)].token;
            order.push_back(at);
            at = node.sibling;
        }
    }
}

void AddedTokenMatcher::find_starts(std::string_view text, std::size_t begin, std::size_t end,
                                    std::vector<std::int32_t>& starts) const {
    starts.assign(end - begin, none);
    std::int32_t node = 0;
    for (std::size_t at = std::min(text.size(), end + longest_ - 1); at-- > begin;) {
        node = step(node, text[at]);
        if (at < end) starts[at - begin] = nodes_[static_cast<std::size_t>(node)].token;
    }
}

void AddedTokenMatcher::split(std::string_view text, const std::function<void(std::string_view, std::size_t)>& on_text,
                              const std::function<void(std::int32_t)>& on_token) const {
    constexpr std::size_t block = std::size_t{1} << 20; // of text whose tokens are known at a time
    std::size_t done = 0;
    std::vector<std::int32_t> starts;
    for (std::size_t at = 0, begin = 0, end = 0; longest_ > 0 && at < text.size();) {
        if (at >= end) {
            cancel_point();
            begin = at;
            end = std::min(text.size(), begin + block);
            find_starts(text, begin, end, starts);
        }
        const std::int32_t found = starts[at - begin];
        if (found == none) {
            ++at;
            continue;
        }
        const AddedToken& token = tokens_[static_cast<std::size_t>(found)];
        std::size_t first = at, last = at + token.content.size();
        at = last; // where the search goes on, whatever becomes of this match
        if (token.single_word && !stands_alone(text, first, last)) continue;
        if (token.strip_left) first = std::max(without_space_before(text, first), done);
        if (token.strip_right) last = without_space_after(text, last);
        if (first > done) on_text(text.substr(done, first - done), done);
        on_token(token.id);
        done = last;
    }
    if (done < text.size()) on_text(text.substr(done), done);
}

} // namespace graticule
