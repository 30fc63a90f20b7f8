#include "core/method/tensor_quantizer.h"

#include "core/base/error.h"

namespace graticule {

QParams to_host(const solvers::BlockParams& params) {
    QParams host;
    host.layout = params.layout;
    host.scale = to_vector(params.scale.contiguous());
    host.zero = to_vector(params.zero.contiguous());
    return host;
}

StaticScale static_scale(const Device& device, const TensorScheme& scheme, float minimum, float maximum) {
    const at::Tensor ends = at::tensor({minimum, maximum}, at::kFloat).view({1, 2}).to(torch_device(device));
    const solvers::BlockParams params = solvers::find_params(ends, solvers::input_quantizer(scheme), device);
    return {params.scale.item<float>(), params.zero.item<float>()};
}

solvers::BlockParams to_device(const StaticScale& fixed, const Device& device) {
    return {{}, to_torch({fixed.scale}, {1, 1}, device), to_torch({fixed.zero}, {1, 1}, device)};
}

at::Tensor runtime_input(const Device& device, const at::Tensor& input, const TensorScheme& scheme,
                         const at::Tensor& keep, const solvers::BlockParams* fixed) {
    const at::Tensor body = keep.defined() ? input.masked_fill(keep, 0) : input;
    at::Tensor rounded;
    if (scheme.dynamic) {
        rounded = solvers::round_to_nearest(body, solvers::input_quantizer(scheme), device);
    } else {
        GRATICULE_ASSERT(fixed != nullptr, "a static scheme has its scale from calibration");
        solvers::BlockParams whole = *fixed;
        whole.layout = {body.size(0), body.size(1)};
        const CodeGrid& grid = scheme.format->grid;
        rounded = solvers::dequantize(solvers::quantize(body, grid, whole, device), grid, whole, device);
    }
    return keep.defined() ? at::where(keep, input, rounded) : rounded;
}

} // namespace graticule
