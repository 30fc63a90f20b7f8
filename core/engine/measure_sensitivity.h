// The verb for sensitivity: which linears suffer from which scheme.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "core/engine/engine.h"
#include "core/result/sensitivity.h"

namespace graticule {

struct SensitivitySpec {
    EvaluationSpec text;        ///< windows
    std::int64_t measured = -1; ///< layers per scheme, those with the largest prediction first; -1: all of them
    std::int64_t draws = 8;     ///< backward passes a window (core/runtime/predicted_damage.h)
    Grouping grouping = Grouping::single;
};

/// Predictions alone, in float32. `schemes`: the model quantized by each candidate scheme, every linear.
/// Error{unsupported} for one that folds something into other tensors (smoothing, rotation): a linear of it cannot
/// stand alone.
[[nodiscard]] std::shared_ptr<Sensitivity>
predict_sensitivity(std::shared_ptr<const Model> model, std::span<const std::shared_ptr<const QuantizedModel>> schemes,
                    const Tokenizer& tokenizer, const Corpus& corpus, const SensitivitySpec& spec, JobContext& ctx);

using SensitivityCallback = std::function<void(const Sensitivity& so_far)>;
/// The same, and then the measuring, eight layers to a pass beside full precision, in float32 as well whatever `ctx`
/// asks for: the two are set side by side. Calls back when all is predicted and after every pass.
[[nodiscard]] std::shared_ptr<const Sensitivity>
measure_sensitivity(std::shared_ptr<const Model> model, std::span<const std::shared_ptr<const QuantizedModel>> schemes,
                    const Tokenizer& tokenizer, const Corpus& corpus, const SensitivitySpec& spec, JobContext& ctx,
                    const SensitivityCallback& on_progress = {});

} // namespace graticule
