// What one or several sets of weights say of the tokens of a text, from their hidden states behind the last block. The
// logits of a few rows at a time are all that is ever there of them.
#pragma once

#include <cstdint>
#include <span>

#include "core/runtime/decoder.h"

namespace graticule {

/// One side's states of one text: hidden (1, tokens, hidden) behind the last block.
struct SideStates {
    const Decoder* decoder = nullptr;
    at::Tensor hidden;
    /// Behind each block, mean over tokens of the squared distance from the first side's state in parts of that state's
    /// square; (blocks) float64, undefined: not asked for.
    at::Tensor state_errors = {};
};

/// Mean over targets[i], which follows position first + i, of its negative log-probability in nats. float64, without
/// dimensions, on the device.
[[nodiscard]] at::Tensor mean_loss(const SideStates& side, std::int64_t first, std::span<const std::int32_t> targets);

/// (sides, 3 + 2 x likely, targets) float64 on the device: of targets[i], which follows position first + i, the negative
/// log-probability in nats; the id that is thought most likely there; and how far the side's distribution is from the
/// first side's, KL(first || side) in nats, 0 for the first itself. Then the ids of the `likely` most likely tokens
/// there, the first one before the others, and the probabilities of these.
[[nodiscard]] at::Tensor predict(std::span<const SideStates> sides, std::int64_t first,
                                 std::span<const std::int32_t> targets, std::int64_t likely = 0);

} // namespace graticule
