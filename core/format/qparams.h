// Scales and zero points of one quantized tensor.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/api/views.h"

namespace graticule {

struct QParams {
    BlockLayout layout;
    std::vector<float> scale; ///< one a block, row-major over blocks; dual grain: the product s1 * S2
    std::vector<float> zero;  ///< integers; lattice code of the real value 0. Tables: all 0

    // Dual grain only (DGQ): W^ = (code - zero) * group_scale * channel_scale, |(code - zero) * group_scale| <= 127.
    std::vector<std::int8_t> group_scale; ///< (out, groups), >= 1
    std::vector<float> channel_scale;     ///< (out)

    bool operator==(const QParams&) const = default;
};

} // namespace graticule
