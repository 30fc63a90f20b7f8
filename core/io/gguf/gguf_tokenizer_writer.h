// The tokenizer of a checkpoint as GGUF metadata (formats.md section 9.5).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/io/checkpoint.h"
#include "core/io/gguf/gguf_writer.h"

namespace graticule {

struct GgufTokenizerEntries {
    GgufEntries entries;
    std::vector<std::string> notes; ///< what readers do differently, a sentence each
};

/// From tokenizer.json, tokenizer.model, or vocab.json and merges.txt; a GGUF file's own as they are. The list of
/// tokens is filled up to `rows`, those of the embedding. How text is cut is not taken from what the files say of it:
/// the value of tokenizer.ggml.pre is the one that gives the checkpoint's own ids for texts of every kind and for its
/// vocabulary. Throws Error{unsupported} naming the file and the text when none does, Error{bad_input} where there is
/// no tokenizer.
[[nodiscard]] GgufTokenizerEntries gguf_tokenizer_entries(const Checkpoint& checkpoint, std::int64_t rows);

} // namespace graticule
