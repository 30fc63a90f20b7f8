// What a SentencePiece model says about itself beyond its pieces. The library offers no access to it, so these few
// fields of the protocol buffer are read here.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace graticule {

struct SentencePieceSpec {
    bool byte_pair_encoding = false; ///< trainer_spec.model_type is BPE
    bool rewrites_text = false;      ///< normalizer_spec.precompiled_charsmap is not empty
    bool add_dummy_prefix = true;
    bool remove_extra_white_space = true;
    bool escape_white_space = true;
    std::vector<std::int32_t> user_defined; ///< ids of pieces that are cut out of a text before anything else
};

/// Of a serialized ModelProto; fields that are not there, or cannot be read, keep their defaults.
[[nodiscard]] SentencePieceSpec read_sentencepiece_spec(std::string_view model);

} // namespace graticule
