// What the units must compute, said without them: the meaning of a code is what the CPU back end dequantizes it to.
#pragma once

#include <cstdint>

#include "core/format/quant_format.h"
#include "kernels/api/backends.h"

namespace graticule::testing {

/// Value at scale 1 of one code of a format.
inline float value_of(const CodeGrid& grid, std::uint8_t code, int zero) {
    const float scale = 1, zero_point = static_cast<float>(zero);
    float value = 0;
    cpu_backend().dequantize({&code, 1, 1}, {1, 1}, grid, &scale, &zero_point, {&value, 1, 1}, {});
    return value;
}

/// Our codes of a float format are ranks of its values; a unit is fed the bits that OCP gives them. Magnitudes and
/// their bits ascend together, so that the distance from the rank of zero is the bits without the sign.
inline std::uint8_t ocp_bits(const CodeGrid& grid, int bits, int code) {
    const int rank = code - grid.levels / 2;
    return static_cast<std::uint8_t>(rank >= 0 ? rank : (1 << (bits - 1)) - rank);
}

} // namespace graticule::testing
