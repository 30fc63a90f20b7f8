// tokenizer.model: a SentencePiece model, read and run by the sentencepiece library itself.
#pragma once

#include <filesystem>
#include <memory>

#include "core/io/tokenizer.h"

namespace graticule {

/// BOS and EOS around a text follow tokenizer_config.json beside it; without one, BOS is added, as in the LLaMA family.
[[nodiscard]] std::shared_ptr<const Tokenizer> open_sentencepiece(const std::filesystem::path& model_file);

} // namespace graticule
