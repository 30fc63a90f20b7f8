// Text to calibrate and evaluate on, and how it is cut.
//
//     Corpus corpus = load_corpus("wiki.test.raw");                  // rule: by the file's name
//     auto ids = tokenizer->encode(corpus.text);
//     for (std::span<const std::int32_t> window : cut_windows(ids, 2048)) ...
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace graticule {

/// How a file becomes one text. Perplexities are comparable only under the same rule, so results carry it.
enum class TextRule {
    automatic, ///< `.raw` (WikiText style: one paragraph a line): gptq; everything else: raw
    gptq, ///< as in the papers' programs: blank lines become empty strings, lines keep their newline, "\n\n" joins them
    raw,  ///< the file as it is; of a `.jsonl`, the "text" fields joined by "\n\n"
};

struct Corpus {
    std::string name; ///< "wiki.test.raw"
    std::string text; ///< UTF-8
    std::string rule; ///< what was applied: "gptq", "raw" or "jsonl"
};

[[nodiscard]] TextRule parse_text_rule(std::string_view name); ///< "auto", "gptq", "raw"; throws Error{usage}

/// Throws Error{bad_input} for a file that cannot be read, is empty or is not UTF-8.
[[nodiscard]] Corpus load_corpus(const std::filesystem::path& path, TextRule rule = TextRule::automatic);
/// The same rule on text already in memory (a built-in sample): `automatic` goes by `name`.
[[nodiscard]] Corpus make_corpus(std::string name, std::string_view bytes, TextRule rule = TextRule::automatic);

/// floor(ids / length) windows that do not overlap; what is left over at the end is not used.
[[nodiscard]] std::vector<std::span<const std::int32_t>> cut_windows(std::span<const std::int32_t> ids,
                                                                     std::int64_t length);

} // namespace graticule
