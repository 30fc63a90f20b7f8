// Private to decoder*.cpp.
#pragma once

#include <map>

#include "core/runtime/decoder.h"
#include "core/runtime/rotary.h"

namespace graticule {

struct Decoder::Parts {
    at::Tensor positions; ///< learned positions; undefined: not loaded yet, or none
    NormWeights final_norm;
    at::Tensor project_out;
    at::Tensor head;                                  ///< (vocabulary, width)
    std::map<std::int64_t, RotaryTable> rotary;       ///< by number of tokens
    std::map<std::int64_t, at::Tensor> sliding_masks; ///< by number of tokens: true where a query may look
};

} // namespace graticule
