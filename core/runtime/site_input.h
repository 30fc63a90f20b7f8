// What the linears of one site read: the tensor itself, and rounded once for every distinct rounding among them (q, k
// and v mostly share one, gate and up another).
//
//     SiteInputs inputs(x, device);                                    // x (batch, tokens, channels)
//     const at::Tensor y = operation.run(inputs.under(preparation));   // the second caller gets the first one's work
#pragma once

#include <list>
#include <map>
#include <optional>

#include "core/runtime/activation_rounding.h"

namespace graticule {

/// What a linear's input goes through before the linear reads it.
struct InputPreparation {
    std::optional<std::int64_t> hadamard = {};       ///< block of the online transform (InputMap::online)
    std::optional<ActivationRounding> rounding = {}; ///< of what the transform gives; absent: full precision
    bool operator==(const InputPreparation&) const = default;
};

/// One site's input as linears of one preparation read it. Forms are made when they are first asked for.
class SiteInput {
public:
    SiteInput(at::Tensor raw, InputPreparation preparation, const Device& device)
        : raw_(std::move(raw))
        , preparation_(std::move(preparation))
        , device_(&device) {}

    [[nodiscard]] const at::Tensor& raw() const { return raw_; } ///< (..., tokens, channels) transformed, not rounded
    [[nodiscard]] const InputPreparation& preparation() const { return preparation_; }
    [[nodiscard]] const std::optional<ActivationRounding>& rounding() const { return preparation_.rounding; }
    /// Rounded values, kept channels as they are in `raw`.
    [[nodiscard]] const at::Tensor& values() const;
    /// The rounded values as integers and their scales; null where the rounding has none that a product could apply
    /// afterwards (see has_units), or where nothing is rounded.
    [[nodiscard]] const UnitActivation* units() const;
    /// The rounded values for integer products; the rounding must have such a form (integer_input).
    [[nodiscard]] const IntegerActivation& integers(InputLayout layout) const;

private:
    at::Tensor raw_;
    InputPreparation preparation_;
    const Device* device_;
    mutable at::Tensor values_;
    mutable std::optional<UnitActivation> units_;
    mutable std::map<InputLayout, IntegerActivation> integers_;
};

/// All that one site hands out during one pass.
class SiteInputs {
public:
    SiteInputs(at::Tensor raw, const Device& device)
        : raw_(std::move(raw))
        , device_(device) {}
    [[nodiscard]] const SiteInput& under(const InputPreparation& preparation);

private:
    [[nodiscard]] at::Tensor transformed(const std::optional<std::int64_t>& hadamard) const;

    at::Tensor raw_;
    const Device& device_;
    std::list<SiteInput> prepared_; ///< references to them stay valid
};

} // namespace graticule
