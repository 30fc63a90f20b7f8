// Narrower ranges: for every block (output row, group) the shrink factor whose rounding costs least. A clipped weight
// loses its largest values and gains finer steps for all others.
//
// - mse_clip: least sum |w^ - w|^norm, weights alone. GPTQ's `mse` option and QuaRot's w_clip are 80 steps of 1/100 and
//   norm 2.4 (algorithms.md sections 1, 6, 12).
// - output_clip: least error of the block's own partial output sum_j x_j w_j over tokens. With weights rounded alone it
//   is AWQ's auto_clip; with the inputs rounded as well it is the clip step of AQAS (sections 4.1; trials.md trap 5).
#pragma once

#include <cstdint>
#include <optional>

#include "core/method/solvers/tensor_quantizer.h"
#include "core/runtime/torch_bridge.h"

namespace graticule::solvers {

struct MseClipOptions {
    int grid = 100;          ///< candidate i has ratio 1 - i / grid ...
    double max_shrink = 0.8; ///< ... for i < max_shrink * grid
    double norm = 2.4;
};

/// Scales and zero points of least error; `values` stay as they are. Works with every layout.
[[nodiscard]] BlockParams mse_clip(const at::Tensor& values, const TensorQuantizer& quantizer,
                                   const MseClipOptions& options, const Device& device);

struct OutputClipOptions {
    int grid = 20;
    double max_shrink = 0.5;   ///< thresholds absmax (1 - i / grid), i < max_shrink * grid: 1.0 ... 0.55
    std::int64_t tokens = 512; ///< every (tokens there / this)-th token is used
};

struct ClipResult {
    at::Tensor threshold;   ///< (blocks down, blocks across): |w| is limited to this
    at::Tensor clipped;     ///< (out, in) weight after limiting
    at::Tensor ratio;       ///< (blocks down, blocks across) chosen 1 - i / grid
    double loss = 0;        ///< sum over blocks of the mean over tokens of the squared partial output error
    double loss_before = 0; ///< the same at ratio 1
};

/// Symmetric limits by block, then the scheme's own quantizer on what is left. `inputs` (tokens, in) are those the
/// (folded) weight meets, `samples` those of their rows (see round_inputs); `input` absent: inputs in full precision (AWQ).
[[nodiscard]] ClipResult output_clip(const at::Tensor& weight, const at::Tensor& inputs,
                                     const TensorQuantizer& quantizer, const std::optional<TensorQuantizer>& input,
                                     const OutputClipOptions& options, const Device& device,
                                     const at::Tensor& samples = {});

} // namespace graticule::solvers
