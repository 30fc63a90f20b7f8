// Cutting text into the pieces that a subword model works on, one step after another as tokenizer.json lists them.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/io/text/split_pattern.h"

namespace graticule {

struct TextRange {
    std::size_t begin = 0;
    std::size_t end = 0;
};

/// Ranges of one text. A step cuts ranges, or rewrites the text and with it the ranges.
struct Pieces {
    std::string text;
    std::vector<TextRange> ranges;
    bool starts_document = false; ///< the first range is the very beginning of what is tokenized

    [[nodiscard]] std::string_view piece(const TextRange& range) const {
        return std::string_view(text).substr(range.begin, range.end - range.begin);
    }
};

using PreTokenStep = std::function<void(Pieces&)>;

/// What becomes of the matches of a split.
enum class SplitBehavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };

[[nodiscard]] PreTokenStep split_by_pattern(std::shared_ptr<const SplitPattern> pattern, SplitBehavior behavior,
                                            bool invert);
[[nodiscard]] PreTokenStep split_by_text(std::string literal, SplitBehavior behavior, bool invert);
[[nodiscard]] PreTokenStep split_by_class(bool (*is_delimiter)(char32_t), SplitBehavior behavior);

/// Each byte becomes one printable character, so that any text is a text of 256 letters. `words`: splits by it before;
/// may be null.
[[nodiscard]] PreTokenStep byte_level(bool add_prefix_space, std::shared_ptr<const SplitPattern> words);

enum class PrependScheme { always, first, never };
/// Spaces become `replacement` ("▁"), which is also put in front; `split`: pieces start at each of them.
[[nodiscard]] PreTokenStep metaspace(std::string replacement, PrependScheme scheme, bool split);

/// The character that stands for a byte in byte-level vocabularies (space: U+0120), and back.
[[nodiscard]] char32_t byte_to_character(unsigned char byte);
/// -1: the character stands for no byte.
[[nodiscard]] int character_to_byte(char32_t character);

} // namespace graticule
