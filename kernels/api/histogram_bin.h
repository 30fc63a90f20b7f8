// Which bin of the magnitude histogram (statistics.h) a value belongs to, from its bits: the octave is the exponent, the
// eighth of an octave follows from seven comparisons of the mantissa with 2^(k/8). No logarithm, so every back end
// agrees exactly.
#pragma once

#include <cstdint>

#include "kernels/api/backend.h"

namespace graticule {

/// `magnitude_bits`: the float's bits without the sign. Infinity falls into the last bin; NaN must be left out by the
/// caller.
constexpr std::int32_t histogram_bin(std::uint32_t magnitude_bits) {
    constexpr std::int32_t first = 127 + histogram_first_exponent;
    const auto exponent = static_cast<std::int32_t>(magnitude_bits >> 23) - first;
    const auto mantissa = static_cast<std::int32_t>(magnitude_bits & 0x7fffff);
    // Mantissas of the smallest floats at or above 2^(k/8), computed with 50 digits. The sign bit of each difference is
    // -1 for a threshold not reached; written so because compilers turn seven comparisons into branches, which do not
    // vectorize.
    const std::int32_t eighth = 7 + ((mantissa - 0x0b95c2) >> 31) + ((mantissa - 0x1837f1) >> 31) +
                                ((mantissa - 0x25fed7) >> 31) + ((mantissa - 0x3504f4) >> 31) +
                                ((mantissa - 0x45672b) >> 31) + ((mantissa - 0x5744fd) >> 31) +
                                ((mantissa - 0x6ac0c7) >> 31);
    const std::int32_t bin = 1 + exponent * histogram_bins_per_octave + eighth;
    const std::int32_t capped = bin < histogram_bins - 1 ? bin : histogram_bins - 1;
    return capped > 0 ? capped : 0; // below the first octave `bin` is at most 0
}

} // namespace graticule
