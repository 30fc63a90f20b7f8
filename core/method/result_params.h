// Between the solvers' quantizers and what results hold: parameters in host memory.
// Private to core/method.
#pragma once

#include "core/format/qparams.h"
#include "core/method/solvers/tensor_quantizer.h"
#include "core/result/quantized_model.h"

namespace graticule {

/// Codes (out, in) uint8 of so many bits, packed on the device where that leaves fewer bytes to copy.
[[nodiscard]] PackedCodes to_host(const at::Tensor& codes, int bits);
[[nodiscard]] QParams to_host(const solvers::BlockParams& params);
/// Back again, of a matrix of that shape (rows, columns).
[[nodiscard]] at::Tensor to_torch(const PackedCodes& codes, const Device& device);
[[nodiscard]] solvers::BlockParams to_torch(const QParams& params, at::IntArrayRef shape, const Device& device);

/// The one scale of a static scheme for values in [minimum, maximum].
[[nodiscard]] StaticScale static_scale(const Device& device, const TensorScheme& scheme, float minimum, float maximum);

} // namespace graticule
