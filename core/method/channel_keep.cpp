#include "core/method/channel_keep.h"

#include "core/method/solvers/mixed_precision.h"

namespace graticule {

std::vector<std::int32_t> LargestChannels::choose(const std::vector<float>& absmax, const ParamMap& params) const {
    const at::Tensor values = at::tensor(at::ArrayRef<float>(absmax));
    const bool by_threshold = param<std::string>(params, "rule") == "threshold";
    const std::vector<std::int64_t> chosen = by_threshold
                                                 ? solvers::channels_above(values, param<double>(params, "threshold"))
                                                 : solvers::channels_by_share(values, param<double>(params, "percent"));
    return {chosen.begin(), chosen.end()};
}

std::optional<std::int64_t> LargestChannels::count(std::int64_t channels, const ParamMap& params) const {
    if (param<std::string>(params, "rule") == "threshold") return std::nullopt;
    return solvers::count_by_share(channels, param<double>(params, "percent"));
}

} // namespace graticule
