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
    at::Tensor head; ///< (vocabulary, width)
    /// By rotary_regime and whether the block has a sliding window: as many positions as were asked for so far.
    std::map<std::pair<std::int64_t, bool>, RotaryTable> rotary;
    // Of passes over whole texts, by number of tokens:
    std::map<std::pair<std::int64_t, bool>, at::Tensor> masks; ///< (tokens, tokens); whether there is a sliding window
    std::map<std::int64_t, at::Tensor> distances;              ///< (heads, tokens, tokens)
};

} // namespace graticule
