// Products of float32 and float64 matrices whose result on a CPU does not depend on how many threads there are. A
// library divides a long sum among its threads and so adds in another order with each number of them; a rounding that
// compares two sums then falls the other way. Here a product is cut into tiles of a fixed size and each tile is one
// thread's. On a card, in 16 bits and where gradients are wanted, these are Torch's own operations.
#pragma once

#include <functional>

#include "core/runtime/torch_bridge.h"

namespace graticule {

/// x (..., in) times weight (out, in) transposed, plus bias (out), which may be undefined.
[[nodiscard]] at::Tensor fixed_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias = {});

// ---- what such operations are made of

/// Rows and columns of a product that one thread makes at a time.
inline constexpr std::int64_t product_tile = 256;
[[nodiscard]] std::int64_t tiles(std::int64_t size);
/// Elements [index * product_tile, ...) of a dimension, the last tile perhaps smaller.
[[nodiscard]] at::Tensor tile_of(const at::Tensor& matrix, std::int64_t dimension, std::int64_t index);
/// Calls work(0) ... work(count - 1), several at a time; library calls inside have one thread each.
void each_alone(std::int64_t count, const std::function<void(std::int64_t)>& work);
/// target (m, n) = beta target + alpha a b on the CPU; `target` may be a part of a matrix.
void multiply_by_tiles(const at::Tensor& target, const at::Tensor& a, const at::Tensor& b, double beta, double alpha);

} // namespace graticule
