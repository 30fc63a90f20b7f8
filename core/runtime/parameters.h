// One parameter on the device at once, checked; whole blocks come through parameter_loader.h.
#pragma once

#include <string>

#include "core/model/model.h"
#include "core/runtime/torch_bridge.h"

namespace graticule {

[[nodiscard]] bool all_finite(const at::Tensor& values);

/// Throws Error{bad_input} naming the file and the tensor when a value is NaN or infinite.
void check_finite(const at::Tensor& values, const Model& model, const std::string& name);

[[noreturn]] void refuse_parameter(const Model& model, const std::string& name);

/// to_torch of a tensor that the model calls `name`, checked.
[[nodiscard]] at::Tensor load_parameter(const Model& model, const std::string& name, const HostTensor& tensor,
                                        const Device& device, at::ScalarType type = at::kFloat);

} // namespace graticule
