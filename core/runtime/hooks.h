// Looking at what flows through the decoder: inputs of linears, operands of attention.
#pragma once

#include "core/base/ids.h"
#include "core/recipe/tensor_scheme.h"
#include "core/runtime/torch_bridge.h"

namespace graticule {

/// Every method has a default that does nothing. What is shown must not be written to.
class DecoderHooks {
public:
    virtual ~DecoderHooks() = default;
    /// Once per site, before its consumers round it: x (batch, tokens, channels).
    virtual void observe(SiteId site, const at::Tensor& x) {
        (void)site;
        (void)x;
    }
    /// Which rows of the batch's tokens, all samples one after the other, the sites shown next see (int64, ascending);
    /// undefined: all, as in the beginning. Experts see the tokens that their router sends them.
    virtual void select_tokens(const at::Tensor& rows) { (void)rows; }
    /// What the attention products read, before it is rounded: query (batch, heads, tokens, head_dim) after rotary
    /// embedding, key and value (batch, kv_heads, tokens, head_dim) before heads are repeated, probability (1, heads,
    /// tokens, tokens), sample by sample.
    virtual void observe_operand(Operand operand, BlockId block, const at::Tensor& x) {
        (void)operand;
        (void)block;
        (void)x;
    }
    /// True: attention is computed step by step so that `observe_operand` sees the probabilities; slower.
    [[nodiscard]] virtual bool wants_probabilities(BlockId block) const {
        (void)block;
        return false;
    }
};

} // namespace graticule
