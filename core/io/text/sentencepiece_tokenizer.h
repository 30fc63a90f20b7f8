// tokenizer.model: a SentencePiece model, read by the sentencepiece library. Byte pair encodings that leave the text as
// it is, the kind of LLaMA, Mistral and Gemma, are run by our own merge loop, which gives the same ids ten times as
// fast; others by the library.
#pragma once

#include <filesystem>
#include <memory>

#include "core/io/text/sentencepiece_parts.h"
#include "core/io/tokenizer.h"

namespace graticule {

/// BOS and EOS around a text follow tokenizer_config.json beside it; without one, BOS is added, as in the LLaMA family.
[[nodiscard]] std::shared_ptr<const Tokenizer> open_sentencepiece(const std::filesystem::path& model_file);
/// The same with the library doing all the work, whatever the kind: what the fast way is tested against.
[[nodiscard]] std::shared_ptr<const Tokenizer> open_sentencepiece_library(const std::filesystem::path& model_file);

/// Pieces, scores and kinds of a byte pair encoding. Throws Error{unsupported} naming the file for a model of another
/// kind, or one that rewrites the text before it cuts it.
[[nodiscard]] SentencePieceVocabulary read_sentencepiece_vocabulary(const std::filesystem::path& model_file);

} // namespace graticule
