#include "core/method/channel_keep.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace graticule {

std::vector<std::int32_t> LargestChannels::choose(const std::vector<float>& absmax, const ParamMap& params) const {
    std::vector<std::int32_t> channels(absmax.size());
    std::iota(channels.begin(), channels.end(), 0);
    if (param<std::string>(params, "rule") == "threshold") {
        const double threshold = param<double>(params, "threshold");
        std::erase_if(channels, [&](std::int32_t channel) { return absmax[std::size_t(channel)] < threshold; });
        return channels;
    }
    // Rounded up, so that any positive share keeps at least one channel.
    const double share = param<double>(params, "percent") / 100;
    const auto count = std::min(channels.size(), std::size_t(std::ceil(share * double(channels.size()))));
    std::stable_sort(channels.begin(), channels.end(),
                     [&](std::int32_t a, std::int32_t b) { return absmax[std::size_t(a)] > absmax[std::size_t(b)]; });
    channels.resize(count);
    std::sort(channels.begin(), channels.end());
    return channels;
}

} // namespace graticule
