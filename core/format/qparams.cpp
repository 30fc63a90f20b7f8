#include "core/format/qparams.h"

#include "kernels/api/backend.h"

namespace graticule {

std::vector<float> fine_scales(const QParams& params, std::int64_t columns) {
    if (!params.coarse) return params.scale;
    const CoarseScales coarse{params.coarse->scale.data(), params.coarse->layout};
    const std::int64_t across = params.layout.blocks_across(columns);
    std::vector<float> fine(params.scale);
    for (std::int64_t block = 0; block < std::int64_t(fine.size()); ++block) {
        float& scale = fine[std::size_t(block)];
        scale /= coarse.at(block / across * params.layout.rows_per_block,
                           block % across * params.layout.columns_per_block, columns);
        if (params.coding.shared_exponent)
            scale = power_of_two(exponent_of(scale)); // a product of a power of two is exact
        else
            scale = round_to_coding(scale, params.coding); // a product rounded once lies nearest to its own number
    }
    return fine;
}

} // namespace graticule
