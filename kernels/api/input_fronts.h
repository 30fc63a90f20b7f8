// What inputs go through before they are quantized, in float32: root mean square and layer norm, SiLU times another
// factor. The one place where these are arithmetic; every back end goes the same steps in the same order, so that codes
// are the same bits. Compiled without contraction; division and square root round correctly everywhere.
//
//     rms_norm:     y = (x * r) * weight,               r = 1 / sqrt(sum(x x) / n + epsilon)
//     layer_norm:   y = ((x - m) * r) * weight + bias,  m = sum(x) / n,  r = 1 / sqrt(sum((x - m)^2) / n + epsilon)
//     silu_product: y = silu(x) * up, silu(x) rounded to the type of the values, as two operations would leave it
//
// **Sums of a row** are taken in an order that suits a thread block of sum_lanes threads: eight neighbours are added in
// pairs; eight v is of lane v mod sum_lanes, which adds its eights one after the other; of 32 neighbouring lanes those
// 16, 8, 4, 2, 1 apart are added; then these from the first to the last.
//
// Against exact arithmetic a norm is within 2^-20 of its value (of |x r w| for a layer norm, whose difference x - m has
// the rounding of m), SiLU within 2^-21 of its value, at most 28,672 inputs a row.
#pragma once

#include <bit>
#include <cstdint>

namespace graticule {

/// Lanes that share a row's sum.
[[nodiscard]] constexpr std::int32_t sum_lanes(std::int64_t columns) {
    return columns <= 4096 ? 256 : columns <= 12288 ? 512 : 1024;
}

/// The sum of eight neighbours.
[[nodiscard]] constexpr float sum_of_eight(const float (&x)[8]) {
    return ((x[0] + x[1]) + (x[2] + x[3])) + ((x[4] + x[5]) + (x[6] + x[7]));
}

/// e^y for y <= 0, within 2 units of the last place; from -87 on as e^-87.
[[nodiscard]] constexpr float exp_of_negative(float y) {
    constexpr float log2_e = 1.44269504F, magic = 12582912.0F; // 1.5 * 2^23: the sum's low bits are a rounded integer
    constexpr float ln_2_high = 0x1.62ep-1F, ln_2_low = 0x1.0bfbe8p-15F; // multiples of the first are exact
    y = y < -87.0F ? -87.0F : y;
    const float shifted = y * log2_e + magic, n = shifted - magic;
    const float r = (y - n * ln_2_high) - n * ln_2_low;
    float series = 1.0F / 5040; // (e^r - 1 - r) / r^2, |r| <= 0.35
    series = series * r + 1.0F / 720;
    series = series * r + 1.0F / 120;
    series = series * r + 1.0F / 24;
    series = series * r + 1.0F / 6;
    series = series * r + 0.5F;
    const float power = std::bit_cast<float>((std::bit_cast<std::uint32_t>(shifted) + 127U) << 23); // 2^n
    return ((r * r * series + r) + 1.0F) * power;
}

/// x / (1 + e^-x).
[[nodiscard]] constexpr float silu_of(float x) {
    const float e = exp_of_negative(x < 0.0F ? x : -x);
    return (x * (x < 0.0F ? e : 1.0F)) / (1.0F + e);
}

} // namespace graticule
