// Rotary position embedding in the half-split form of Hugging Face (formats.md section 4.7).
#pragma once

#include "core/model/model_config.h"
#include "core/runtime/torch_bridge.h"

namespace graticule {

struct RotaryTable {
    at::Tensor cosine, sine; ///< (positions, 1, pairs): broadcast over heads
};

/// Dynamic scaling and longrope turn every token by other angles when a text gets longer. Texts have the same angles at
/// the same positions where this number of their lengths in tokens is the same.
[[nodiscard]] std::int64_t rotary_regime(const ModelConfig& config, const RopeConfig& rope, std::int64_t tokens);

/// Of the first `positions` of a text of `tokens` tokens, or as long as positions go on. `rope`: the model's, or that of
/// its blocks with a sliding window. Angles are computed in float64 whatever `type` is.
[[nodiscard]] RotaryTable make_rotary_table(const ModelConfig& config, const RopeConfig& rope, std::int64_t tokens,
                                            std::int64_t positions, at::Device device, at::ScalarType type);

/// x (batch, tokens, heads, head_dim); dimensions beyond the table's stay as they are.
[[nodiscard]] at::Tensor rotate(const at::Tensor& x, const RotaryTable& table);

} // namespace graticule
