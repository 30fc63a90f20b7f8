// A CodeGrid made ready for the inner loops, and the arithmetic of one value. Every back end includes this file, so a
// code or a dequantized value is the same bits everywhere, provided the translation unit is compiled without
// contraction into fused multiply-adds (-ffp-contract=off, nvcc -fmad=false) and with IEEE division.
//
//     const GridPoints points = prepare_grid(grid);
//     const BlockPoint block = block_point<GridKind::lattice>(points, scale, zero);
//     const Point p = nearest_point<GridKind::lattice>(points, block, x);     // p.code; value = p.multiple * scale
//
// Conventions, all measured in steps (y = x / scale, a float32 division as in torch):
// - lattice: code = clamp(rn(y) + zero, 0, levels - 1), rn half to even: GPTQ's formula. NaN is treated as 0.
// - specials: the nearest of the lattice point and the specials; a tie goes to the smaller magnitude. With the lattice
//   points 0 and +-1 present this is Lee et al. 2023, Eq. 5: +1/2 where 1/4 < y <= 3/4, -1/2 where -3/4 <= y < -1/4. When the zero
//   point sits at an end and the lattice has no point beyond (zero = 0: nothing below 0), Eq. 5 read literally would
//   send y < -3/4 back to 0, farther away than -1/2; here everything beyond stays at the special, the nearest point
//   there is.
// - table: the nearest entry; a tie goes to the entry an even number of places from the one nearest to zero. For the
//   FP4 and FP8 tables that is IEEE's ties-to-even, because consecutive encodings of one sign are consecutive entries. Beyond the
//   ends: saturates.
#pragma once

#include <cstdint>

#include "kernels/api/code_grid.h"

namespace graticule {

/// Which inner loop a grid takes.
enum class GridKind : std::uint8_t { lattice, lattice_with_specials, table };

/// `work` of one kind, its inner loop being compiled for each: the one place where a grid's kind chooses.
///
///     for_kind(points.kind, [&]<GridKind kind>() { loop<kind>(points, values); });
template <class Work>
[[gnu::always_inline]] inline decltype(auto) for_kind(GridKind kind, const Work& work) {
    switch (kind) {
    case GridKind::lattice:
        return work.template operator()<GridKind::lattice>();
    case GridKind::lattice_with_specials:
        return work.template operator()<GridKind::lattice_with_specials>();
    case GridKind::table:
        break;
    }
    return work.template operator()<GridKind::table>();
}

struct GridPoints {
    GridKind kind = GridKind::lattice;
    std::int32_t levels = 0;
    std::int32_t special_count = 0;
    float top = 0.0F;          ///< levels - 1
    float specials[2] = {};    ///< an absent one repeats the other, or is 0
    float margin_below = 0.5F; ///< in steps: values farther below the lowest point than this are clipped
    float margin_above = 0.5F;
    float largest_magnitude = 0.0F; ///< table: max |entry|
    float table[256] = {};
    float threshold[256] = {}; ///< table: the code of y is how many thresholds are <= y; padded with NaN
};

/// Checks the grid and throws KernelError naming what is wrong.
[[nodiscard]] GridPoints prepare_grid(const CodeGrid& grid);

/// What one (scale, zero) adds to the grid.
struct BlockPoint {
    float scale;
    float zero;
    float low, high;           ///< lattice: first and last point in steps
    float hull_low, hull_high; ///< of all points, specials too
};

/// What became of one value.
struct Point {
    std::int32_t code;
    float multiple; ///< dequantized value in steps
};

/// Half to even for |y| < 2^22, which a clamped y always is. Adding and removing 1.5 * 2^23 needs no rounding
/// instruction, so it vectorizes for plain x86-64, and it never yields -0.
constexpr float round_half_even(float y) {
    constexpr float magic = 12582912.0F;
    return (y + magic) - magic;
}

constexpr float clamp_to(float y, float low, float high) {
    y = y < low ? low : y;
    return y > high ? high : y;
}

template <GridKind kind>
constexpr BlockPoint block_point(const GridPoints& points, float scale, float zero) {
    BlockPoint block{scale, zero, 0.0F, 0.0F, 0.0F, 0.0F};
    if constexpr (kind == GridKind::table) {
        block.hull_low = points.table[0];
        block.hull_high = points.table[points.levels - 1];
    } else {
        block.low = -zero;
        block.high = points.top - zero;
        block.hull_low = block.low;
        block.hull_high = block.high;
        if constexpr (kind == GridKind::lattice_with_specials) {
            for (const float special : points.specials) {
                block.hull_low = special < block.hull_low ? special : block.hull_low;
                block.hull_high = special > block.hull_high ? special : block.hull_high;
            }
        }
    }
    return block;
}

constexpr float magnitude_of(float y) { return y < 0.0F ? -y : y; }

/// Prefers `special` where it is nearer, or as near and smaller. Distances of values clamped to the hull are exact
/// enough to compare: near a midpoint both differences are exact (Sterbenz), elsewhere rounding keeps their order.
constexpr Point nearer_special(Point best, float y, float special, std::int32_t code) {
    const float to_best = magnitude_of(y - best.multiple);
    const float to_special = magnitude_of(y - special);
    const bool take =
        (to_special < to_best) | ((to_special == to_best) & (magnitude_of(special) < magnitude_of(best.multiple)));
    return {take ? code : best.code, take ? special : best.multiple};
}

/// Nearest point of a value given in steps, lattice kinds only. `y` must not be NaN.
template <GridKind kind>
constexpr Point nearest_lattice_point(const GridPoints& points, const BlockPoint& block, float y) {
    static_assert(kind != GridKind::table);
    const float q = round_half_even(clamp_to(y, block.low, block.high));
    Point best{static_cast<std::int32_t>(q + block.zero), q};
    if constexpr (kind == GridKind::lattice_with_specials) {
        const float inside = clamp_to(y, block.hull_low, block.hull_high);
        best = nearer_special(best, inside, points.specials[0], points.levels);
        best = nearer_special(best, inside, points.specials[1], points.levels + points.special_count - 1);
    }
    return best;
}

/// Code of a value in steps on a table: branch-free binary search over 256 thresholds (those not in use are NaN).
constexpr std::int32_t table_code(const float* threshold, float y) {
    std::int32_t code = 0;
    for (std::int32_t step = 128; step > 0; step /= 2) code += y >= threshold[code + step - 1] ? step : 0;
    return code;
}

/// x in steps, NaN as 0 so that it gets the code of zero.
constexpr float in_steps(float x, float scale) {
    const float y = x / scale;
    return y == y ? y : 0.0F;
}

/// Value of a code in steps.
template <GridKind kind>
constexpr float multiple_of_code(const GridPoints& points, const float* table, std::int32_t code, float zero) {
    if constexpr (kind == GridKind::table) {
        return table[code];
    } else {
        float multiple = static_cast<float>(code) - zero;
        if constexpr (kind == GridKind::lattice_with_specials) {
            multiple = code == points.levels ? points.specials[0] : multiple;
            multiple = code == points.levels + 1 ? points.specials[1] : multiple;
        }
        return multiple;
    }
}

constexpr bool is_finite(float x) { return magnitude_of(x) <= 3.402823466e+38F; }

} // namespace graticule
