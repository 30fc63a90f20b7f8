// GPTQ: columns are rounded one after another, and what each loses is made up for by the columns still to come, weighed
// by the inverse of the Hessian H = 2/n X^T X.
#pragma once

#include "core/method/stages.h"

namespace graticule {

class Gptq final : public Rounding {
public:
    [[nodiscard]] bool propagates(const ParamMap&) const override { return true; }
    [[nodiscard]] bool quantized_inputs(const ParamMap& params) const override;
    [[nodiscard]] bool true_sequential(const ParamMap& params) const override;
    [[nodiscard]] std::int64_t calibration_length(const ParamMap& params) const override;
    [[nodiscard]] SampleWants wants(const ParamMap&) const override { return {.gram = true}; }
    [[nodiscard]] Rounded round(const WeightRequest& request) const override;
};

} // namespace graticule
