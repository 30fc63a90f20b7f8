// DGQ's two-phase search. Phase 1: for every group the range that loses least of the group's own output. Phase 2, for
// the dual grain: for every output channel the scale s1 that loses least of the channel's whole output.
#pragma once

#include "core/method/stages.h"

namespace graticule {

class Dgq final : public Rounding {
public:
    [[nodiscard]] bool propagates(const ParamMap&) const override { return true; }
    [[nodiscard]] bool quantized_inputs(const ParamMap&) const override { return true; }
    [[nodiscard]] Rounded round(const WeightRequest& request) const override;
};

} // namespace graticule
