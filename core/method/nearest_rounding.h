// Rounding to nearest, and the quantizer that the rounding methods share.
#pragma once

#include "core/method/stages.h"

namespace graticule {

/// The weight's quantizer: the scheme's, or with GPTQ's symmetric full range where `range=full`.
[[nodiscard]] solvers::TensorQuantizer rounding_quantizer(const TensorScheme& scheme, const ParamMap& params);
[[nodiscard]] solvers::TensorQuantizer rounding_quantizer(const WeightRequest& request);

class RoundToNearest final : public Rounding {
public:
    [[nodiscard]] bool to_nearest() const override { return true; }
    [[nodiscard]] Rounded round(const WeightRequest& request) const override;
};

} // namespace graticule
