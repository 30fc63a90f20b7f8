#include "core/method/rtn.h"

#include "core/method/dual_grain.h"
#include "core/method/tensor_quantizer.h"

namespace graticule {

ScaleOptions weight_scale_options(const TensorScheme& scheme, const ParamMap& params) {
    ScaleOptions options = scale_options(scheme, false);
    const auto range = params.find("range");
    if (range != params.end() && std::get<std::string>(range->second) == "full" && scheme.symmetric &&
        scheme.format->grid.shape == CodeGrid::Shape::lattice)
        options.rule = ScaleRule::symmetric_full_range;
    return options;
}

Rounded RoundToNearest::round(const WeightRequest& request) const {
    const TensorScheme& scheme = *request.scheme.weight;
    const DeviceParams params =
        find_params(request.device, request.weight, scheme, weight_scale_options(scheme, request.params));
    Rounded rounded;
    if (scheme.granularity.kind == Granularity::Kind::dual_grain)
        return round_dual_grain(request.device, request.weight, params);
    rounded.codes = quantize_tensor(request.device, request.weight, scheme.format->grid, params);
    rounded.params = to_host(params);
    return rounded;
}

} // namespace graticule
