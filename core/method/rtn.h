// Rounding to nearest, and the scale rule that the rounding methods share.
#pragma once

#include "core/method/stages.h"
#include "kernels/api/backend.h"

namespace graticule {

/// The scale rule of a weight: the scheme's, or GPTQ's symmetric full range where `range=full`.
[[nodiscard]] ScaleOptions weight_scale_options(const TensorScheme& scheme, const ParamMap& params);

class RoundToNearest final : public Rounding {
public:
    [[nodiscard]] Rounded round(const WeightRequest& request) const override;
};

} // namespace graticule
