// Narrowing the range of the weights before they are rounded.
#pragma once

#include "core/method/stages.h"

namespace graticule {

/// AWQ's clip search: for every output row and group the threshold that loses least of that group's own output.
class OutputClip final : public Clip {
public:
    [[nodiscard]] bool applies(Role role, const ParamMap& params) const override;
    [[nodiscard]] SampleWants wants(const ParamMap& params) const override;
    [[nodiscard]] std::int64_t calibration_length(const ParamMap& params) const override;
    [[nodiscard]] at::Tensor clip(const WeightRequest& request, std::string& note) const override;
};

/// The ratio of the range with the least sum of |w^ - w|^norm, for every block of the granularity (GPTQ's and QuaRot's
/// `mse` option).
class MseClip final : public Clip {
public:
    [[nodiscard]] bool applies(Role, const ParamMap&) const override { return true; }
    [[nodiscard]] at::Tensor clip(const WeightRequest& request, std::string& note) const override;
};

} // namespace graticule
