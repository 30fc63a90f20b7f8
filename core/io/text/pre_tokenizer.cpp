#include "core/io/text/pre_tokenizer.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/io/text/utf8.h"

namespace graticule {
namespace {

struct Part {
    TextRange range;
    bool is_match = false;
};

/// The whole of a piece as alternating parts, from its matches in order.
class PartList {
public:
    explicit PartList(std::vector<Part>& parts)
        : parts_(parts) {
        parts_.clear();
    }
    void match(std::size_t begin, std::size_t end) {
        if (begin > done_) parts_.push_back({{done_, begin}, false});
        parts_.push_back({{begin, end}, true});
        done_ = end;
    }
    void finish(std::size_t length) {
        if (length > done_) parts_.push_back({{done_, length}, false});
    }

private:
    std::vector<Part>& parts_;
    std::size_t done_ = 0;
};

void merge_with_previous(const std::vector<Part>& parts, std::vector<TextRange>& out) {
    const std::size_t first = out.size();
    bool after_match = false;
    for (const Part& part : parts) {
        if (part.is_match && !after_match && out.size() > first)
            out.back().end = part.range.end;
        else
            out.push_back(part.range);
        after_match = part.is_match;
    }
}

void merge_with_next(const std::vector<Part>& parts, std::vector<TextRange>& out) {
    const auto first = static_cast<std::ptrdiff_t>(out.size());
    bool after_match = false; // seen from the right
    for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
        if (part->is_match && !after_match && static_cast<std::ptrdiff_t>(out.size()) > first)
            out.back().begin = part->range.begin;
        else
            out.push_back(part->range);
        after_match = part->is_match;
    }
    std::reverse(out.begin() + first, out.end());
}

void merge_contiguous(const std::vector<Part>& parts, std::vector<TextRange>& out) {
    const std::size_t first = out.size();
    bool previous = false;
    for (const Part& part : parts) {
        if (part.is_match == previous && out.size() > first)
            out.back().end = part.range.end;
        else
            out.push_back(part.range);
        previous = part.is_match;
    }
}

void apply_behavior(const std::vector<Part>& parts, SplitBehavior behavior, std::vector<TextRange>& out) {
    switch (behavior) {
    case SplitBehavior::removed:
        for (const Part& part : parts)
            if (!part.is_match) out.push_back(part.range);
        return;
    case SplitBehavior::isolated:
        for (const Part& part : parts) out.push_back(part.range);
        return;
    case SplitBehavior::merged_with_previous:
        return merge_with_previous(parts, out);
    case SplitBehavior::merged_with_next:
        return merge_with_next(parts, out);
    case SplitBehavior::contiguous:
        return merge_contiguous(parts, out);
    }
}

/// `find(text, list)` reports the matches of one piece.
template <class Find>
void split_pieces(Pieces& pieces, SplitBehavior behavior, bool invert, Find find) {
    std::vector<TextRange> result;
    result.reserve(pieces.ranges.size());
    std::vector<Part> parts;
    for (const TextRange& range : pieces.ranges) {
        const std::string_view text = pieces.piece(range);
        PartList list(parts);
        find(text, list);
        list.finish(text.size());
        if (invert)
            for (Part& part : parts) part.is_match = !part.is_match;
        const std::size_t first = result.size();
        apply_behavior(parts, behavior, result);
        for (std::size_t i = first; i < result.size(); ++i) {
            result[i].begin += range.begin;
            result[i].end += range.begin;
        }
    }
    pieces.ranges = std::move(result);
}

/// Builds a new text piece by piece; `write(piece, index, out)` appends what becomes of each.
template <class Write>
void rewrite_pieces(Pieces& pieces, Write write) {
    std::string text;
    text.reserve(pieces.text.size() + pieces.text.size() / 4);
    for (std::size_t i = 0; i < pieces.ranges.size(); ++i) {
        const std::size_t begin = text.size();
        write(pieces.piece(pieces.ranges[i]), i, text);
        pieces.ranges[i] = {begin, text.size()};
    }
    pieces.text = std::move(text);
}

struct ByteAlphabet {
    std::array<char32_t, 256> characters{};
    std::array<std::string, 256> utf8;
    std::array<int, 0x144> bytes{}; // by character

    ByteAlphabet() {
        bytes.fill(-1);
        char32_t next = 0x100;
        for (unsigned byte = 0; byte < 256; ++byte) {
            const bool printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
            characters[byte] = printable ? byte : next++;
            append_utf8(utf8[byte], characters[byte]);
            bytes[characters[byte]] = static_cast<int>(byte);
        }
    }
};

const ByteAlphabet& byte_alphabet() {
    static const ByteAlphabet alphabet;
    return alphabet;
}

void replace_all(std::string_view text, char from, const std::string& to, std::string& out) {
    for (const char c : text) {
        if (c == from)
            out += to;
        else
            out += c;
    }
}

} // namespace

PreTokenStep split_by_pattern(std::shared_ptr<const SplitPattern> pattern, SplitBehavior behavior, bool invert) {
    return [pattern = std::move(pattern), behavior, invert](Pieces& pieces) {
        split_pieces(pieces, behavior, invert, [&](std::string_view text, PartList& list) {
            pattern->for_each_match(text, [&](std::size_t begin, std::size_t end) { list.match(begin, end); });
        });
    };
}

PreTokenStep split_by_text(std::string literal, SplitBehavior behavior, bool invert) {
    return [literal = std::move(literal), behavior, invert](Pieces& pieces) {
        split_pieces(pieces, behavior, invert, [&](std::string_view text, PartList& list) {
            if (literal.empty()) return;
            for (std::size_t at = text.find(literal); at != std::string_view::npos;
                 at = text.find(literal, at + literal.size()))
                list.match(at, at + literal.size());
        });
    };
}

PreTokenStep split_by_class(bool (*is_delimiter)(char32_t), SplitBehavior behavior) {
    return [is_delimiter, behavior](Pieces& pieces) {
        split_pieces(pieces, behavior, false, [&](std::string_view text, PartList& list) {
            for (std::size_t at = 0, length = 0; at < text.size(); at += length) {
                length = utf8_length(text, at);
                if (is_delimiter(utf8_code_point(text, at))) list.match(at, at + length);
            }
        });
    };
}

PreTokenStep byte_level(bool add_prefix_space, std::shared_ptr<const SplitPattern> words) {
    return [add_prefix_space, words = std::move(words)](Pieces& pieces) {
        if (add_prefix_space)
            rewrite_pieces(pieces, [](std::string_view text, std::size_t, std::string& out) {
                if (!text.starts_with(' ')) out += ' ';
                out += text;
            });
        if (words) split_by_pattern(words, SplitBehavior::isolated, false)(pieces);
        rewrite_pieces(pieces, [](std::string_view text, std::size_t, std::string& out) {
            for (const char c : text) out += byte_alphabet().utf8[static_cast<unsigned char>(c)];
        });
    };
}

PreTokenStep metaspace(std::string replacement, PrependScheme scheme, bool split) {
    return [replacement = std::move(replacement), scheme, split](Pieces& pieces) {
        rewrite_pieces(pieces, [&](std::string_view text, std::size_t index, std::string& out) {
            const bool here = scheme == PrependScheme::always ||
                              (scheme == PrependScheme::first && index == 0 && pieces.starts_document);
            if (here && !text.starts_with(' ') && !text.starts_with(replacement)) out += replacement;
            replace_all(text, ' ', replacement, out);
        });
        if (split) split_by_text(replacement, SplitBehavior::merged_with_next, false)(pieces);
    };
}

char32_t byte_to_character(unsigned char byte) { return byte_alphabet().characters[byte]; }

int character_to_byte(char32_t character) {
    const auto& bytes = byte_alphabet().bytes;
    return character < bytes.size() ? bytes[character] : -1;
}

} // namespace graticule
