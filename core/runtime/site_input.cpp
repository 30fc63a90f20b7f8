#include "core/runtime/site_input.h"

#include "core/runtime/input_mapping.h"

namespace graticule {

at::IntArrayRef SiteInput::sizes() const { return site_->sizes(); }
at::TensorOptions SiteInput::options() const { return site_->options(); }
const at::Tensor& SiteInput::raw() const { return site_->values(preparation_.hadamard); }

const at::Tensor& SiteInput::values() const {
    if (!rounding()) return raw();
    if (!values_.defined()) values_ = round_activation(*rounding(), raw(), site_->device());
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
    if (!units_) {
        const at::Tensor& x = raw();
        const Device& device = site_->device();
        units_ = integer_input(*rounding()) && value_type(x.scalar_type()) && gemm_table(device) != nullptr
                     ? units_of(integers(InputLayout::plain), x) // one read of x, for any product of these inputs
                     : round_to_units(*rounding(), x, device);
    }
    return &*units_;
}

const IntegerActivation& SiteInput::integers(InputLayout layout) const {
    const auto found = integers_.find(layout);
    if (found != integers_.end()) return found->second;
    std::optional<IntegerActivation> made = site_->made_integers(preparation_, layout);
    if (!made) made = round_to_integers(rounding().value(), raw(), layout, site_->device());
    return integers_.emplace(layout, *std::move(made)).first->second;
}

SiteInputs::SiteInputs(at::Tensor raw, const Device& device)
    : device_(device)
    , sizes_(raw.sizes())
    , options_(raw.options()) {
    values_.emplace(std::nullopt, std::move(raw));
}

SiteInputs::SiteInputs(SiteFront front, const Device& device)
    : device_(device)
    , sizes_(front.values.sizes())
    , options_(front.values.options().dtype(front.type))
    , front_(std::move(front)) {}

const SiteInput& SiteInputs::under(const InputPreparation& preparation) {
    for (const SiteInput& input : prepared_)
        if (input.preparation() == preparation) return input;
    return prepared_.emplace_back(*this, preparation);
}

const at::Tensor& SiteInputs::values(const std::optional<std::int64_t>& block) const {
    const auto found = values_.find(block);
    if (found != values_.end()) return found->second;
    if (block) return values_.emplace(block, hadamard(values(), *block, device_)).first->second;
    const at::Tensor& made = values_.emplace(std::nullopt, front_->make()).first->second;
    front_.reset();
    return made;
}

namespace {

ValueMatrix matrix_of(const at::Tensor& x) {
    return {x.data_ptr(), value_type(x.scalar_type()).value(), x.numel() / x.size(-1), x.size(-1), x.size(-1)};
}

} // namespace

std::optional<IntegerActivation> SiteInputs::made_integers(const InputPreparation& preparation,
                                                           InputLayout layout) const {
    const bool fused_front = front_ && front_->kind != InputFront::none;
    if (values_.contains(preparation.hadamard) || (front_ && !fused_front) || gemm_table(device_) == nullptr)
        return std::nullopt;
    const std::optional<ValueType> through = value_type(c10::typeMetaToScalarType(options_.dtype()));
    const at::Tensor from = (front_ ? front_->values : values_.at(std::nullopt)).contiguous();
    if (!through || !value_type(from.scalar_type()) || !preparation.rounding->kept_channels.empty())
        return std::nullopt;
    InputSource source{matrix_of(from)};
    source.through = *through;
    source.hadamard = preparation.hadamard.value_or(1);
    at::Tensor up;
    if (front_) {
        source.front = front_->kind;
        source.epsilon = static_cast<float>(front_->epsilon);
        if (front_->weight.defined()) source.weight = front_->weight.data_ptr<float>();
        if (front_->bias.defined()) source.bias = front_->bias.data_ptr<float>();
        if (front_->up.defined()) {
            up = front_->up.contiguous();
            source.up = matrix_of(up);
        }
    }
    if (no_input_source(source)) return std::nullopt;
    return quantize_source(*preparation.rounding, source, layout, device_);
}

} // namespace graticule
