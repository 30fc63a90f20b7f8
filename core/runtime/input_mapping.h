// Input maps (core/result/input_map.h) applied to tensors.
#pragma once

#include "core/result/input_map.h"
#include "core/runtime/torch_bridge.h"

namespace graticule {

/// Runs of `block` along the last dimension times the orthonormal Walsh-Hadamard matrix. In float64 by Torch's own
/// operations, in every other type in float32 by the device's kernel; the result has x's type.
[[nodiscard]] at::Tensor hadamard(const at::Tensor& x, std::int64_t block, const Device& device);

/// m(x) of inputs (..., channels).
[[nodiscard]] at::Tensor apply(const InputMap& map, const at::Tensor& x, const Device& device);
/// m'(W) of a weight (out, channels).
[[nodiscard]] at::Tensor fold_into(const InputMap& map, const at::Tensor& weight, const Device& device);

} // namespace graticule
