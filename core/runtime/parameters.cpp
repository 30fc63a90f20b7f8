#include "core/runtime/parameters.h"

#include <cmath>

#include "core/base/error.h"
#include "core/io/checkpoint.h"

namespace graticule {

bool all_finite(const at::Tensor& values) {
    const auto [low, high] = at::aminmax(values); // one pass without a tensor of flags; a NaN comes through
    return std::isfinite(low.item<double>()) && std::isfinite(high.item<double>());
}

void check_finite(const at::Tensor& values, const Model& model, const std::string& name) {
    if (!all_finite(values)) refuse_parameter(model, name);
}

void refuse_parameter(const Model& model, const std::string& name) {
    const auto& checkpoint = model.parts().checkpoint;
    throw Error(ErrorKind::bad_input, (checkpoint ? checkpoint->file_of(name).string() + ": " : std::string()) +
                                          "tensor \"" + name +
                                          "\" holds a value that is not finite (NaN or infinity), so every result "
                                          "would be; the file is damaged or its training diverged, get another copy "
                                          "(in float16 values beyond 65504 are infinite: use bfloat16)");
}

at::Tensor load_parameter(const Model& model, const std::string& name, const HostTensor& tensor, const Device& device,
                          at::ScalarType type) {
    at::Tensor values = to_torch(tensor, device, type);
    check_finite(values, model, name);
    return values;
}

} // namespace graticule
