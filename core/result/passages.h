// Where it hurts: the text of an evaluation with each token's divergence, worst passages first.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/io/tokenizer.h"
#include "core/result/evaluation.h"

namespace graticule {

/// A token that is thought likely at some place.
struct LikelyText {
    std::string text;
    double probability = 0;
};

/// As many of them a side are worth showing at each place (EvaluationSpec::likely).
inline constexpr std::int64_t likely_shown = 5;

struct PassageToken {
    std::string text;                    ///< its part of the passage; empty where a character ends in a later token
    double divergence = 0;               ///< KL(baseline || recipe) of what stands here, nats
    double loss_change = 0;              ///< loss under the recipe minus that under the baseline, nats
    std::string baseline_choice, choice; ///< what each thought most likely here
    std::vector<LikelyText> baseline_likely, likely; ///< as many as the two sides kept, the most likely first
};

struct Passage {
    std::int64_t window = 0; ///< of the evaluation, from 0
    std::int64_t first = 0;  ///< position of its first token in the window
    double mean = 0;         ///< divergence, nats per token
    std::vector<PassageToken> tokens;
};

/// The `count` passages of `length` tokens with the largest mean divergence, worst first; windows are cut into passages
/// from their first predicted token on. Of two sides of one pass that kept predictions; none without.
[[nodiscard]] std::vector<Passage> worst_passages(const Evaluation& baseline, const Evaluation& other,
                                                  const Tokenizer& tokenizer, std::size_t count = 10,
                                                  std::int64_t length = 32);

} // namespace graticule
