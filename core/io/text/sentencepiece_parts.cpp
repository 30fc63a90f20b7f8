#include "core/io/text/sentencepiece_parts.h"

#include <utility>

namespace graticule {

TokenizerParts sentencepiece_parts(SentencePieceVocabulary vocabulary) {
    constexpr const char* space_mark = "\xE2\x96\x81"; // "▁"
    TokenizerParts parts;
    ScoredSpec spec;
    spec.mergeable.resize(vocabulary.pieces.size());
    for (std::size_t id = 0; id < vocabulary.pieces.size(); ++id) {
        const PieceKind kind = vocabulary.kinds[id];
        spec.mergeable[id] = kind == PieceKind::normal || kind == PieceKind::user_defined;
        const bool special = kind == PieceKind::control || kind == PieceKind::unknown;
        if (special || kind == PieceKind::user_defined)
            parts.added.push_back({vocabulary.pieces[id], static_cast<std::int32_t>(id), special});
    }
    spec.tokens = std::move(vocabulary.pieces);
    spec.scores = std::move(vocabulary.scores);
    spec.unknown_id = vocabulary.unknown_id;
    parts.model = make_scored_model(std::move(spec));
    if (vocabulary.add_space_prefix) parts.normalizers.push_back(prepend_text(" "));
    parts.normalizers.push_back(replace_text(" ", space_mark));
    parts.decoders = {decode_replace(space_mark, " "), decode_byte_fallback(), decode_fuse()};
    if (vocabulary.add_space_prefix) parts.decoders.push_back(decode_strip(" ", 1, 0));
    return parts;
}

} // namespace graticule
