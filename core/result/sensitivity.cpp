#include "core/result/sensitivity.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "core/result/statistical_tests.h"

namespace graticule {

double mean_square(const std::vector<double>& projections) {
    if (projections.empty()) return 0;
    return std::inner_product(projections.begin(), projections.end(), projections.begin(), 0.0) /
           static_cast<double>(projections.size());
}

std::optional<double> SchemeSensitivity::rank_correlation() const {
    std::vector<double> predicted, measured;
    for (const LayerSensitivity& layer : layers) {
        if (!layer.measured) continue;
        predicted.push_back(layer.predicted);
        measured.push_back(*layer.measured);
    }
    return graticule::rank_correlation(predicted, measured);
}

std::vector<std::size_t> SchemeSensitivity::worst_first() const {
    std::vector<std::size_t> order(layers.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, std::ranges::greater(), [&](std::size_t i) { return layers[i].predicted; });
    return order;
}

} // namespace graticule
