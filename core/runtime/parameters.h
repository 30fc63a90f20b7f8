// Parameters on their way from the model to the device. One NaN among them makes every result NaN and says nothing
// about where it came from, so each is checked where it is loaded.
#pragma once

#include <string>

#include "core/model/model.h"
#include "core/runtime/torch_bridge.h"

namespace graticule {

[[nodiscard]] bool all_finite(const at::Tensor& values);

/// Throws Error{bad_input} naming the file and the tensor when a value is NaN or infinite.
void check_finite(const at::Tensor& values, const Model& model, const std::string& name);

/// to_torch of a tensor that the model calls `name`, checked.
[[nodiscard]] at::Tensor load_parameter(const Model& model, const std::string& name, const HostTensor& tensor,
                                        const Device& device, at::ScalarType type = at::kFloat);

} // namespace graticule
