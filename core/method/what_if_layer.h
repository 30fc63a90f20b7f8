// One linear under one choice, from the kept calibration rows alone. No Torch here.
#pragma once

#include <memory>

#include "core/result/layer_report.h"
#include "core/result/quantized_model.h"
#include "core/stats/activation_stats.h"
#include "core/stats/step_histogram.h"

namespace graticule {

struct WhatIfLayer {
    QuantizedLinear quantized;     ///< with its report, without its codes
    StepHistogram weight_in_steps; ///< every folded weight divided by its block's scale; empty: not quantized
};

/// Answers for one thread, one after the other, beside whatever the device computes for others. What a card has read
/// for one answer stays there for the next, up to `kept_bytes`.
class WhatIfLayers {
public:
    static constexpr std::int64_t kept_bytes = std::int64_t{1} << 30;

    WhatIfLayers(std::shared_ptr<const Model> model, std::shared_ptr<const ActivationStats> stats,
                 const std::string& device);
    ~WhatIfLayers();

    /// `choice`: parameters complete. `rows`: of the kept inputs, evenly spread, that are looked at; 0: all. Methods
    /// that run samples get these rows instead, and judge scales by the linears' own output; the report's note says so.
    [[nodiscard]] WhatIfLayer of(LayerId layer, const SchemeChoice& choice, std::int64_t rows, ScoredOn scored_on);
    /// The report is of the weight alone. Only for choices that look at no samples.
    [[nodiscard]] WhatIfLayer of_weight(LayerId layer, const SchemeChoice& choice);

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Whether the layer's input, as it is quantized, is in the same units under both: divided by the same scales, or by
/// none. Of scales that are searched it is not known beforehand, so only under equal choices. Every method name must be
/// known.
[[nodiscard]] bool same_input_units(const Model& model, LayerId layer, const SchemeChoice& one,
                                    const SchemeChoice& other);

} // namespace graticule
