// A SentencePiece vocabulary run by our own byte pair encoding, for files that carry pieces and scores
// (tokenizer.model, GGUF).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/io/text/pipeline_tokenizer.h"

namespace graticule {

enum class PieceKind : std::uint8_t {
    normal = 1,
    unknown,
    control,
    user_defined,
    unused,
    byte
}; ///< numbers of both file formats

struct SentencePieceVocabulary {
    std::vector<std::string> pieces;
    std::vector<float> scores;
    std::vector<PieceKind> kinds;
    std::int32_t unknown_id = 0;
    bool add_space_prefix = true;
};

/// Everything but BOS, EOS and the description.
[[nodiscard]] TokenizerParts sentencepiece_parts(SentencePieceVocabulary vocabulary);

} // namespace graticule
