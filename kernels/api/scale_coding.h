// Which numbers a stored scale can be, as data: small floats, and whole numbers, by one formula. Shared by all back
// ends; see grid_points.h for what that asks of the compiler. The named codings are rows of
// core/format/scale_level.cpp.
#pragma once

#include <bit>
#include <cstdint>

namespace graticule {

/// Multiples of 2^(e - mantissa_bits) for every exponent e >= least_exponent, from `smallest` to `largest`. E4M3:
/// {3, -6, 2^-9, 448}. Whole numbers 1 .. 127 are {7, 7, 1, 127}: below 2^8 the step is always 1. As it is made,
/// float32.
struct ScaleCoding {
    std::int32_t mantissa_bits = 23;
    std::int32_t least_exponent = -126;
    float smallest = 1.17549435e-38F;
    float largest = 3.402823466e+38F;
    /// A power of two found as the OCP MX formats do, from the powers of two in the range and in the grid's largest
    /// point, each rounded down; what then lies outside the grid saturates.
    bool shared_exponent = false;

    bool operator==(const ScaleCoding&) const = default;
};

inline constexpr ScaleCoding float32_coding{};

constexpr std::int32_t exponent_of(float x) { // of a positive normal float
    return static_cast<std::int32_t>(std::bit_cast<std::uint32_t>(x) >> 23) - 127;
}

/// 2^exponent, 0 below the least denormal
constexpr float power_of_two(std::int32_t exponent) {
    if (exponent >= -126) return std::bit_cast<float>(static_cast<std::uint32_t>(exponent + 127) << 23);
    return exponent < -149 ? 0.0F : std::bit_cast<float>(std::uint32_t{1} << (exponent + 149));
}

/// The nearest number of the coding, ties to even; one outside its range gives the end of it. `scale` is positive,
/// normal and finite.
constexpr float round_to_coding(float scale, const ScaleCoding& coding) {
    if (coding.mantissa_bits >= 23) return scale; // float32 is what it is
    if (scale >= coding.largest) return coding.largest;
    if (scale <= coding.smallest) return coding.smallest;
    const std::int32_t exponent = exponent_of(scale);
    const float step =
        power_of_two((exponent < coding.least_exponent ? coding.least_exponent : exponent) - coding.mantissa_bits);
    const float steps = scale / step; // exact, below 2^(mantissa_bits + 1)
    constexpr float magic = 12582912.0F;
    const float rounded = ((steps + magic) - magic) * step;
    return rounded < coding.smallest ? coding.smallest : rounded > coding.largest ? coding.largest : rounded;
}

} // namespace graticule
