// Private to decoder*.cpp.
#pragma once

#include <map>
#include <utility>

#include "core/runtime/decoder.h"
#include "core/runtime/rotary.h"

namespace graticule {

struct Decoder::Parts {
    at::Tensor positions; ///< learned positions; undefined: not loaded yet, or none
    NormWeights embedding_norm, final_norm;
    at::Tensor project_out;
    at::Tensor head;                                ///< (vocabulary, width)
    using ByLength = std::pair<std::int64_t, bool>; ///< number of tokens; whether the block has a sliding window
    std::map<ByLength, RotaryTable> rotary;
    std::map<ByLength, at::Tensor> masks;         ///< (tokens, tokens) bool: true where a query may look
    std::map<std::int64_t, at::Tensor> distances; ///< ALiBi, by number of tokens: what is added to the scores
};

} // namespace graticule
