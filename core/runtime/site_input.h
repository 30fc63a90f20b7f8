// What the linears of one site read: the values themselves, and rounded once for every distinct rounding among them (q,
// k and v mostly share one, gate and up another). Values that are made of others, a norm's or SiLU times up, are made
// when somebody wants them as they are; an integer product takes them already quantized, in one read of what they are
// made of.
//
//     SiteInputs inputs(x, device);                                    // x (batch, tokens, channels)
//     const at::Tensor y = operation.run(inputs.under(preparation));   // the second caller gets the first one's work
#pragma once

#include <functional>
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

/// How a site's values come from others.
struct SiteFront {
    InputFront kind = InputFront::none; ///< none: only `make` knows
    at::Tensor values;                  ///< (..., tokens, channels): hidden states, or what the gate gave
    at::Tensor weight = {};             ///< (channels) float32, of a norm
    at::Tensor bias = {};               ///< likewise, or undefined
    double epsilon = 0;                 ///< of a norm
    at::Tensor up = {};                 ///< of silu_product
    at::ScalarType type;                ///< of what linears read
    std::function<at::Tensor()> make;   ///< the same in Torch's operations, of that type; called at most once
};

class SiteInputs;

/// One site's input as linears of one preparation read it. Forms are made when they are first asked for.
class SiteInput {
public:
    SiteInput(const SiteInputs& site, InputPreparation preparation)
        : site_(&site)
        , preparation_(std::move(preparation)) {}

    [[nodiscard]] at::IntArrayRef sizes() const;     ///< (..., tokens, channels)
    [[nodiscard]] at::TensorOptions options() const; ///< of the values: their type and device
    [[nodiscard]] const at::Tensor& raw() const;     ///< transformed, not rounded
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
    const SiteInputs* site_;
    InputPreparation preparation_;
    mutable at::Tensor values_;
    mutable std::optional<UnitActivation> units_;
    mutable std::map<InputLayout, IntegerActivation> integers_;
};

/// All that one site hands out during one pass.
class SiteInputs {
public:
    SiteInputs(at::Tensor raw, const Device& device);
    SiteInputs(SiteFront front, const Device& device);
    SiteInputs(const SiteInputs&) = delete;
    SiteInputs& operator=(const SiteInputs&) = delete;

    [[nodiscard]] const SiteInput& under(const InputPreparation& preparation);
    [[nodiscard]] at::IntArrayRef sizes() const { return sizes_; }
    [[nodiscard]] at::TensorOptions options() const { return options_; }
    [[nodiscard]] const Device& device() const { return device_; }
    /// As they are, or in Hadamard blocks.
    [[nodiscard]] const at::Tensor& values(const std::optional<std::int64_t>& hadamard = {}) const;
    /// The values that `preparation` rounds, straight from what they are made of; nothing where that cannot be or
    /// where they have been made already.
    [[nodiscard]] std::optional<IntegerActivation> made_integers(const InputPreparation& preparation,
                                                                 InputLayout layout) const;

private:
    const Device& device_;
    at::DimVector sizes_;
    at::TensorOptions options_;
    mutable std::optional<SiteFront> front_;                           ///< until the values are made
    mutable std::map<std::optional<std::int64_t>, at::Tensor> values_; ///< by Hadamard block
    std::list<SiteInput> prepared_;                                    ///< references to them stay valid
};

} // namespace graticule
