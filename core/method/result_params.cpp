#include "core/method/result_params.h"

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

} // namespace graticule
