// Looking at, or replacing, what flows through the decoder: inputs of linears, operands of attention.
#pragma once

#include "core/base/ids.h"
#include "core/recipe/tensor_scheme.h"
#include "core/runtime/torch_bridge.h"

namespace graticule {

/// Every method has a default that leaves the forward pass as it is.
class DecoderHooks {
public:
    virtual ~DecoderHooks() = default;
    /// Once a site, before its consumers: x (batch, tokens, channels).
    virtual void observe(SiteId site, const at::Tensor& x) {
        (void)site;
        (void)x;
    }
    /// What the linear reads instead of x (batch, tokens, channels). Must not write to x.
    [[nodiscard]] virtual at::Tensor linear_input(LayerId linear, const at::Tensor& x) {
        (void)linear;
        return x;
    }
    /// What the attention products read: query (batch, heads, tokens, head_dim) after rotary embedding, key and value
    /// (batch, kv_heads, tokens, head_dim) before heads are repeated, probability (batch, heads, tokens, tokens).
    [[nodiscard]] virtual at::Tensor attention_operand(Operand operand, BlockId block, const at::Tensor& x) {
        (void)operand;
        (void)block;
        return x;
    }
    /// True: attention is computed step by step so that `attention_operand` sees the probabilities; slower.
    [[nodiscard]] virtual bool wants_probabilities(BlockId block) const {
        (void)block;
        return false;
    }
};

} // namespace graticule
