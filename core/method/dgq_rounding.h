// DGQ's two-phase search: the range of every group, then, for the dual grain, the scale of every output channel.
#pragma once

#include "core/method/stages.h"

namespace graticule::solvers {
struct DualGrain;
}

namespace graticule {

[[nodiscard]] Rounded rounded_of(const solvers::DualGrain& dual);

class Dgq final : public Rounding {
public:
    [[nodiscard]] bool propagates(const ParamMap&) const override { return true; }
    [[nodiscard]] bool quantized_inputs(const ParamMap&) const override { return true; }
    [[nodiscard]] StaticRule static_rule(const ParamMap& params) const override;
    [[nodiscard]] std::int64_t calibration_length(const ParamMap& params) const override;
    [[nodiscard]] SampleWants wants(const ParamMap& params) const override;
    [[nodiscard]] Rounded round(const WeightRequest& request) const override;
};

} // namespace graticule
