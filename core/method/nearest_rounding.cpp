#include "core/method/nearest_rounding.h"

#include "core/method/dgq_rounding.h"
#include "core/method/solvers/dgq.h"

namespace graticule {

solvers::TensorQuantizer rounding_quantizer(const TensorScheme& scheme, const ParamMap& params) {
    const auto range = params.find("range");
    return solvers::weight_quantizer(scheme, range != params.end() && std::get<std::string>(range->second) == "full");
}

solvers::TensorQuantizer rounding_quantizer(const WeightRequest& request) {
    return rounding_quantizer(*request.scheme.weight, request.params);
}

Rounded RoundToNearest::round(const WeightRequest& request) const {
    if (is_dual_grain(request.scheme.weight->levels)) {
        const solvers::BlockParams fine =
            solvers::find_params(request.weight, rounding_quantizer(request), request.device);
        const ScaleCoding& coding = row_of(request.scheme.weight->levels[1].coding).numbers;
        return rounded_of(
            solvers::with_coded_channels(solvers::round_to_dual_grain(request.weight, fine, {}, {}), coding));
    }
    solvers::QuantizedTensor nearest =
        solvers::quantize_to_nearest(request.weight, rounding_quantizer(request), request.device);
    Rounded rounded;
    rounded.codes = std::move(nearest.codes);
    rounded.params = std::move(nearest.params);
    return rounded;
}

} // namespace graticule
