// Private to decoder*.cpp.
#pragma once

#include <map>
#include <utility>

#include "core/runtime/decoder.h"
#include "core/runtime/rotary.h"

namespace graticule {

struct Decoder::Parts {
    bool loaded = false;  ///< what follows, down to the head
    at::Tensor embedding; ///< (vocabulary, width) as stored, on a card; undefined: rows are taken from the file
    at::Tensor positions; ///< learned positions; undefined: none
    at::Tensor project_in;
    NormWeights embedding_norm, final_norm;
    at::Tensor project_out;
    at::Tensor head;                                ///< (vocabulary, width)
    using ByLength = std::pair<std::int64_t, bool>; ///< number of tokens; whether the block has a sliding window
    std::map<ByLength, RotaryTable> rotary;
    std::map<ByLength, at::Tensor> masks;         ///< (tokens, tokens) bool: true where a query may look
    std::map<std::int64_t, at::Tensor> distances; ///< ALiBi, by number of tokens: what is added to the scores
};

} // namespace graticule
