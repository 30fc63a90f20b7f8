// Scales and zero points of one quantized tensor.
#pragma once

#include <optional>
#include <vector>

#include "kernels/api/scale_coding.h"
#include "kernels/api/views.h"

namespace graticule {

/// Scales of the level above the blocks'.
struct CoarseParams {
    BlockLayout layout;
    std::vector<float> scale; ///< one per rectangle, row-major
    bool operator==(const CoarseParams&) const = default;
};

struct QParams {
    BlockLayout layout;
    std::vector<float>
        scale;               ///< one per block, row-major over blocks: what codes are multiplied with, all levels in it
    std::vector<float> zero; ///< integers; lattice code of the real value 0. Tables: all 0
    ScaleCoding coding;      ///< what the blocks' own level stores
    std::optional<CoarseParams> coarse; ///< absent: one level

    bool operator==(const QParams&) const = default;
};

/// What the blocks' own level stores, one per block of a matrix with so many columns: the scale over the coarse one, as
/// a number of its coding. Dual grain: DGQ's whole numbers, W^ = (code - zero) * fine * coarse with
/// |(code - zero) * fine| <= 127.
[[nodiscard]] std::vector<float> fine_scales(const QParams& params, std::int64_t columns);

} // namespace graticule
