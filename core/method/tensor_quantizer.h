// Between the solvers' quantizers and what results hold: parameters in host memory, inputs as they are at run time.
// Private to core/method.
#pragma once

#include "core/format/qparams.h"
#include "core/method/solvers/weight_quantizer.h"
#include "core/result/quantized_model.h"

namespace graticule {

[[nodiscard]] QParams to_host(const solvers::BlockParams& params);

/// The one scale of a static scheme for values in [minimum, maximum].
[[nodiscard]] StaticScale static_scale(const Device& device, const TensorScheme& scheme, float minimum, float maximum);
[[nodiscard]] solvers::BlockParams to_device(const StaticScale& fixed, const Device& device);

/// The input (tokens, channels) as the linear sees it at run time: quantized but for the channels of `keep`, which do
/// not widen the range of the others. `fixed`: of a static scheme.
[[nodiscard]] at::Tensor runtime_input(const Device& device, const at::Tensor& input, const TensorScheme& scheme,
                                       const at::Tensor& keep, const solvers::BlockParams* fixed);

} // namespace graticule
