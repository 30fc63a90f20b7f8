#include "core/runtime/site_input.h"

namespace graticule {

const at::Tensor& SiteInput::values() const {
    if (!rounding_) return raw_;
    if (!values_.defined()) values_ = round_activation(*rounding_, raw_, *device_);
    return values_;
}

const SiteInput& SiteInputs::under(const std::optional<ActivationRounding>& rounding) {
    for (const SiteInput& input : prepared_)
        if (input.rounding() == rounding) return input;
    return prepared_.emplace_back(raw_, rounding, device_);
}

} // namespace graticule
