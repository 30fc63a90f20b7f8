// What a model said of the tokens of a text, each given all tokens before it.
#pragma once

#include <cstdint>
#include <vector>

namespace graticule {

struct TokenPrediction {
    std::int32_t token = 0;  ///< what stands there
    std::int32_t choice = 0; ///< what the model thinks most likely there
    float loss = 0;          ///< -log p(token), nats
    float divergence = 0;    ///< KL(baseline || this model) of the whole distribution, nats; 0 for the baseline itself
    bool operator==(const TokenPrediction&) const = default;
};
using TokenPredictions = std::vector<TokenPrediction>;

/// One of the tokens that the model thinks likely at some place.
struct LikelyToken {
    std::int32_t token = 0;
    float probability = 0;
    bool operator==(const LikelyToken&) const = default;
};

} // namespace graticule
