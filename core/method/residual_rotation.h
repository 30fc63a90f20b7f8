// The residual stream times a block Hadamard matrix R, folded into everything that writes to it or reads it; exact for
// RMSNorm, whose root mean square R leaves as it is. Private to core/method.
//
//     embedding E R    norms 1    q, k, v, gate, up: W diag(g) R, g their norm's weight    o, down: R^T W, R^T b
//     head W diag(g) R
#pragma once

#include <map>

#include "core/method/fold.h"
#include "core/method/rotation.h"

namespace graticule {

/// What a norm with this weight multiplies its channels by: Gemma's stores it less one.
[[nodiscard]] at::Tensor norm_factors(const Model& model, const at::Tensor& weight);

/// A weight (out, in) whose outputs go into the rotated stream.
[[nodiscard]] at::Tensor rotate_outputs(const at::Tensor& weight, std::int64_t block, const Device& device);

class ResidualRotation {
public:
    ResidualRotation(const Model& model, const Device& device, std::int64_t block)
        : model_(model)
        , device_(device)
        , block_(block) {}

    /// Hidden states (..., hidden) of the rotated model.
    [[nodiscard]] at::Tensor states(const at::Tensor& hidden) const;
    /// The block's tensors, which all go to `folded` too. Throws Error{unsupported} where a norm's weight is zero.
    void rotate(const Block& block, BlockWeights& weights, Folded& folded);
    /// What the inputs of the linear, whose block was rotated last, went through; nothing for o and down.
    [[nodiscard]] InputMap map(const Linear& linear) const;
    /// Embedding, final norm and head in `type`.
    [[nodiscard]] Folded ends(at::ScalarType type) const;

private:
    [[nodiscard]] at::Tensor take_norm(const Norm& norm, at::Tensor& weight, Folded& folded) const;

    const Model& model_;
    const Device& device_;
    std::int64_t block_;
    std::map<SiteId, at::Tensor> norms_; ///< weights that the sites' norms had, of the block rotated last
};

} // namespace graticule
