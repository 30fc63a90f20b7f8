// Values rounded with scales that are found from themselves, on views: what activations and the solvers' tensors share.
#pragma once

#include "core/runtime/torch_bridge.h"
#include "kernels/api/backend.h"

namespace graticule {

/// Scales of these blocks, (down, across) float32 on the device: of the level above the blocks that are rounded.
[[nodiscard]] at::Tensor find_coarse_scales(MatrixView<const float> values, BlockLayout layout, const CodeGrid& grid,
                                            const ScaleOptions& options, const Device& device);

/// Writes to `out`, which may be `values`. `options.coarse` holds the scales of the level above where there is one. On a
/// CPU by all threads.
void round_by_own_scales(MatrixView<const float> values, BlockLayout layout, const CodeGrid& grid,
                         const ScaleOptions& options, MatrixView<float> out, const Device& device);

} // namespace graticule
