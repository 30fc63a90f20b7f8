// Quantizers on Torch tensors, through the device's back end. Private to core/method.
#pragma once

#include "core/format/qparams.h"
#include "core/recipe/tensor_scheme.h"
#include "core/runtime/torch_bridge.h"
#include "kernels/api/backend.h"

namespace graticule {

/// Scales and zero points on the device.
struct DeviceParams {
    BlockLayout layout;
    at::Tensor scale, zero; ///< (blocks) float32
};

/// How a scheme finds its scale. `activation`: with the lower bound of 1e-5 that dynamic ranges have.
[[nodiscard]] ScaleOptions scale_options(const TensorScheme& scheme, bool activation);

[[nodiscard]] DeviceParams find_params(const Device& device, const at::Tensor& values, const TensorScheme& scheme,
                                       const ScaleOptions& options);
[[nodiscard]] at::Tensor quantize_tensor(const Device& device, const at::Tensor& values, const CodeGrid& grid,
                                         const DeviceParams& params);
[[nodiscard]] at::Tensor dequantize_tensor(const Device& device, const at::Tensor& codes, const CodeGrid& grid,
                                           const DeviceParams& params);
[[nodiscard]] at::Tensor fake_quantize_tensor(const Device& device, const at::Tensor& values, const CodeGrid& grid,
                                              const DeviceParams& params);

/// Weight rounded to nearest and back.
[[nodiscard]] at::Tensor fake_quantize_weight(const Device& device, const at::Tensor& weight,
                                              const TensorScheme& scheme);
/// Input (tokens, channels) as the linear sees it at run time. Static schemes need `fixed`.
[[nodiscard]] at::Tensor fake_quantize_input(const Device& device, const at::Tensor& input, const TensorScheme& scheme,
                                             const DeviceParams* fixed = nullptr);
/// The one scale of a static scheme for values in [minimum, maximum].
[[nodiscard]] DeviceParams static_params(const Device& device, const TensorScheme& scheme, float minimum,
                                         float maximum);

/// One value a block, spread over a (rows, columns) matrix.
[[nodiscard]] at::Tensor spread(const at::Tensor& per_block, const BlockLayout& layout, std::int64_t rows,
                                std::int64_t columns);
[[nodiscard]] QParams to_host(const DeviceParams& params);
[[nodiscard]] DeviceParams to_device(const QParams& params, const Device& device);

} // namespace graticule
