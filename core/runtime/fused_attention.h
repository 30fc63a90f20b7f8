// Attention as LibTorch's kernels fuse it. On a CPU one call of a long text takes many seconds that nothing interrupts:
// there it is cut into heads, which know nothing of each other, and where one head is too much into queries, with a
// cancel point before each part.
#pragma once

#include "core/runtime/torch_bridge.h"

namespace graticule {

struct FusedAttention {
    at::Tensor mask;           ///< undefined: none. Otherwise it broadcasts to (batch, heads, queries, keys)
    bool causal = false;       ///< query i sees the keys up to i
    double scale = 1;          ///< of the scores
    bool shared_heads = false; ///< k and v have fewer heads than q (on a card)
};

/// Multiplications of one call, about a fifth of a second of two cores.
inline constexpr double most_attention_work = 1e10;

/// q (batch, heads, queries, head_dim), k and v (batch, heads, keys, head_dim): the shape of q. Cut into heads it has
/// the same bits as in one call.
[[nodiscard]] at::Tensor fused_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                         const FusedAttention& options, double most_work = most_attention_work);

} // namespace graticule
