#include "core/runtime/site_input.h"

#include "core/runtime/input_mapping.h"

namespace graticule {

const at::Tensor& SiteInput::values() const {
    if (!rounding()) return raw_;
    if (!values_.defined()) values_ = round_activation(*rounding(), raw_, *device_);
    return values_;
}

const SiteInput& SiteInputs::under(const InputPreparation& preparation) {
    for (const SiteInput& input : prepared_)
        if (input.preparation() == preparation) return input;
    return prepared_.emplace_back(transformed(preparation.hadamard), preparation, device_);
}

at::Tensor SiteInputs::transformed(const std::optional<std::int64_t>& block) const {
    if (!block) return raw_;
    for (const SiteInput& input : prepared_) // of another rounding
        if (input.preparation().hadamard == block) return input.raw();
    return hadamard(raw_, *block, device_);
}

} // namespace graticule
