// One linear under one choice, from the kept calibration rows alone. No Torch here.
#pragma once

#include <vector>

#include "core/result/layer_report.h"
#include "core/result/quantized_model.h"
#include "core/stats/activation_stats.h"

namespace graticule {

struct WhatIfLayer {
    QuantizedLinear quantized;          ///< with its report
    std::vector<float> weight_in_steps; ///< every folded weight divided by its block's scale; empty: not quantized
};

/// `choice`: parameters complete. Methods that run samples get the kept rows instead, and judge scales by the linears'
/// own output; the report's note says so.
[[nodiscard]] WhatIfLayer what_if_layer(const Model& model, const ActivationStats& stats, LayerId layer,
                                        const SchemeChoice& choice);

} // namespace graticule
