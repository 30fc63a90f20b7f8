// The verb behind SLAC: how much the calibration length matters to this model, and by a recipe's perplexity when one is
// given.
//
//     auto study = study_lengths(work, {.lengths = {128, 512, 2048}}, ctx);
//     LengthAdvice advice = advise_length(*study, 128);
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/engine/workbench.h"
#include "core/result/length_study.h"

namespace graticule {

struct LengthStudySpec {
    std::string text = {};                             ///< calibration text; empty: the built-in one
    std::int64_t tokens = 8192;                        ///< from its start, the same for every length
    std::vector<std::int64_t> lengths{128, 512, 2048}; ///< each divides `tokens` and the longest of them
    double damping = 0.01;

    struct Matrix {
        Recipe recipe; ///< calibrated on the same tokens at each length; steps with a length of their own keep it
        Corpus corpus;
        std::vector<std::int64_t> lengths; ///< of the evaluated windows; empty: those of calibration
        std::int64_t max_tokens = 0;       ///< of the text, for every length; 0: all
    };
    std::optional<Matrix> matrix = std::nullopt; ///< absent: no perplexity is measured
};

/// Lengths are sorted. Throws Error{usage} for lengths that would see different tokens, Error{bad_input} for a text
/// that is too short or a recipe that does not fit.
[[nodiscard]] std::shared_ptr<const LengthStudy> study_lengths(Workbench& work, const LengthStudySpec& spec,
                                                               JobContext& ctx);

} // namespace graticule
