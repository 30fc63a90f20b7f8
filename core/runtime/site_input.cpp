#include "core/runtime/site_input.h"

#include "core/runtime/input_mapping.h"

namespace graticule {

const at::Tensor& SiteInput::values() const {
    if (!rounding()) return raw_;
    if (!values_.defined()) values_ = round_activation(*rounding(), raw_, *device_);
    return values_;
}

namespace {

UnitActivation units_of(const IntegerActivation& input, const at::Tensor& x) {
    std::vector<std::int64_t> per_token = x.sizes().vec();
    per_token.back() = 1;
    UnitActivation result;
    result.units = input.values.view(at::kChar).view(x.sizes()).to(x.scalar_type());
    if (input.zero.defined()) result.units.sub_(input.zero.view(per_token));
    result.scale = input.scale.view(per_token);
    return result;
}

} // namespace

const UnitActivation* SiteInput::units() const {
    if (!rounding() || !has_units(*rounding())) return nullptr;
    if (!units_)
        units_ = integer_input(*rounding()) && value_type(raw_.scalar_type()) && gemm_table(*device_) != nullptr
                     ? units_of(integers(InputLayout::plain), raw_) // one read of x, for any product of these inputs
                     : round_to_units(*rounding(), raw_, *device_);
    return &*units_;
}

const IntegerActivation& SiteInput::integers(InputLayout layout) const {
    const auto found = integers_.find(layout);
    if (found != integers_.end()) return found->second;
    return integers_.emplace(layout, round_to_integers(rounding().value(), raw_, layout, *device_)).first->second;
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
