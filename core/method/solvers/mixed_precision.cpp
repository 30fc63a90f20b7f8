#include "core/method/solvers/mixed_precision.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/base/error.h"

namespace graticule::solvers {

std::int64_t count_by_share(std::int64_t channels, double percent) {
    if (!(percent >= 0 && percent <= 100))
        throw Error(ErrorKind::bad_input,
                    "a share of " + std::to_string(percent) + " % of the channels is outside 0 to 100");
    const std::int64_t count = std::llround(percent / 100 * static_cast<double>(channels));
    return std::min(percent > 0 ? std::max<std::int64_t>(count, 1) : count, channels);
}

std::vector<std::int64_t> channels_by_share(const at::Tensor& absmax, double percent) {
    const std::vector<float> magnitude = to_vector(absmax);
    std::vector<std::int64_t> order(magnitude.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
        return magnitude[static_cast<std::size_t>(a)] > magnitude[static_cast<std::size_t>(b)];
    });
    order.resize(static_cast<std::size_t>(count_by_share(std::ssize(order), percent)));
    std::sort(order.begin(), order.end());
    return order;
}

std::vector<std::int64_t> channels_above(const at::Tensor& absmax, double threshold) {
    std::vector<std::int64_t> kept;
    if (threshold <= 0) return kept;
    const std::vector<float> magnitude = to_vector(absmax);
    for (std::size_t i = 0; i < magnitude.size(); ++i)
        if (static_cast<double>(magnitude[i]) >= threshold) kept.push_back(static_cast<std::int64_t>(i));
    return kept;
}

} // namespace graticule::solvers
