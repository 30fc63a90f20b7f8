#include "core/method/nearest_rounding.h"

#include "core/method/dgq_rounding.h"
#include "core/method/solvers/dgq.h"

namespace graticule {

solvers::TensorQuantizer rounding_quantizer(const WeightRequest& request) {
    const auto range = request.params.find("range");
    const bool full = range != request.params.end() && std::get<std::string>(range->second) == "full";
    return solvers::weight_quantizer(*request.scheme.weight, full);
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
