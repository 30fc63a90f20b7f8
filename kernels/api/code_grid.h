// A number format of at most 8 bits as data: its code points at scale 1 (docs: ARCHITECTURE.md section 3).
//
// lattice: codes 0..levels-1 mean (code - zero) * step; up to two *specials*, codes levels and levels+1, are fixed
// multiples of
//          the step measured from true zero, whatever the zero point is. INT4: 16 levels, no specials. dINT4 (Lee et
//          al. 2023, section 4.2, Eq. 5-6): 14 levels, specials +1/2 and -1/2.
// table:   up to 256 ascending values; value = table[code] * step. FP4 E2M1, FP8, any codebook. No zero point.
#pragma once

#include <array>
#include <cstdint>

namespace graticule {

struct CodeGrid {
    enum class Shape : std::uint8_t { lattice, table };

    Shape shape = Shape::lattice;
    std::int32_t levels = 0;        ///< lattice: integer codes; table: values in use
    std::int32_t special_count = 0; ///< lattice only: 0, 1 or 2
    std::array<float, 2> specials{};
    std::array<float, 256> table{}; ///< table only, ascending

    [[nodiscard]] constexpr std::int32_t code_count() const {
        return levels + (shape == Shape::lattice ? special_count : 0);
    }
    bool operator==(const CodeGrid&) const = default;
};

} // namespace graticule
