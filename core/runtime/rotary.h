// Rotary position embedding in the half-split form of Hugging Face (formats.md section 4.7).
#pragma once

#include "core/model/model_config.h"
#include "core/runtime/torch_bridge.h"

namespace graticule {

struct RotaryTable {
    std::int64_t tokens = 0;
    at::Tensor cosine, sine; ///< (tokens, 1, pairs): broadcast over heads
};

/// `rope`: the model's, or that of its blocks with a sliding window. Angles are computed in float64 whatever `type` is.
/// Dynamic scaling and longrope depend on the number of tokens, so the table of one length is no prefix of another's.
[[nodiscard]] RotaryTable make_rotary_table(const ModelConfig& config, const RopeConfig& rope, std::int64_t tokens,
                                            at::Device device, at::ScalarType type);

/// x (batch, tokens, heads, head_dim); dimensions beyond the table's stay as they are.
[[nodiscard]] at::Tensor rotate(const at::Tensor& x, const RotaryTable& table);

} // namespace graticule
