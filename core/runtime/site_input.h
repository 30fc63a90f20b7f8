// What the linears of one site read: the tensor itself, and rounded once for every distinct rounding among them (q, k
// and v mostly share one, gate and up another).
//
//     SiteInputs inputs(x, device);                                    // x (batch, tokens, channels)
//     const at::Tensor y = operation.run(inputs.under(rounding));      // the second caller gets the first one's work
#pragma once

#include <list>
#include <optional>

#include "core/runtime/activation_rounding.h"

namespace graticule {

/// One site's input as linears of one rounding read it. Forms are made when they are first asked for.
class SiteInput {
public:
    SiteInput(at::Tensor raw, std::optional<ActivationRounding> rounding, const Device& device)
        : raw_(std::move(raw))
        , rounding_(std::move(rounding))
        , device_(&device) {}

    [[nodiscard]] const at::Tensor& raw() const { return raw_; } ///< (..., tokens, channels) before any rounding
    [[nodiscard]] const std::optional<ActivationRounding>& rounding() const { return rounding_; }
    /// Rounded values, kept channels as they are in `raw`.
    [[nodiscard]] const at::Tensor& values() const;

private:
    at::Tensor raw_;
    std::optional<ActivationRounding> rounding_;
    const Device* device_;
    mutable at::Tensor values_;
};

/// All that one site hands out during one pass.
class SiteInputs {
public:
    SiteInputs(at::Tensor raw, const Device& device)
        : raw_(std::move(raw))
        , device_(device) {}
    [[nodiscard]] const SiteInput& under(const std::optional<ActivationRounding>& rounding);

private:
    at::Tensor raw_;
    const Device& device_;
    std::list<SiteInput> prepared_; ///< references to them stay valid
};

} // namespace graticule
