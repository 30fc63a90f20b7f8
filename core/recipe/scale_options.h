// What the kernels' rule of scales is asked for, from a scheme: one place for weights, activations and every method.
#pragma once

#include "core/recipe/tensor_scheme.h"
#include "kernels/api/backend.h"

namespace graticule {

/// Lower bound of the range of dynamic activations, as in SmoothQuant and its successors.
inline constexpr float least_activation_range = 1e-5F;

/// Of the level of the blocks; `coarse` is left to the caller. `epsilon`: lower bound of the range.
[[nodiscard]] ScaleOptions fine_scale_options(const TensorScheme& scheme, float epsilon = 0);
/// Of the level above; only where the scheme has two.
[[nodiscard]] ScaleOptions coarse_scale_options(const TensorScheme& scheme, float epsilon = 0);

} // namespace graticule
