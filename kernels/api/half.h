// The two 16-bit floating-point types as bits: what integer products write and input quantization reads. Rounding is
// half to even, overflow gives infinity, NaN stays NaN; the same bits as the conversions of CUDA and PyTorch.
#pragma once

#include <bit>
#include <cstdint>

namespace graticule {

constexpr float bf16_to_float(std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16); }

constexpr std::uint16_t float_to_bf16(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    if ((bits & 0x7FFFFFFFU) > 0x7F800000U) return 0x7FFF;
    return static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16);
}

constexpr float f16_to_float(std::uint16_t half) {
    const std::uint32_t sign = std::uint32_t{half & 0x8000U} << 16;
    const std::uint32_t magnitude = half & 0x7FFFU;
    if (magnitude >= 0x7C00U) return std::bit_cast<float>(sign | 0x7F800000U | ((magnitude & 0x3FFU) << 13));
    if (magnitude < 0x400U) { // below the smallest normal number: an integer multiple of 2^-24, exact in float
        const float value = static_cast<float>(magnitude) * 0x1p-24F;
        return sign == 0 ? value : -value;
    }
    return std::bit_cast<float>(sign | ((magnitude + ((127U - 15U) << 10)) << 13));
}

constexpr std::uint16_t float_to_f16(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000U);
    const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
    if (magnitude > 0x7F800000U) return 0x7FFF;
    if (magnitude >= 0x477FF000U) return sign | 0x7C00U; // 65520 and beyond round to infinity
    if (magnitude < 0x38800000U) {                       // below 2^-14: adding 0.5 leaves multiples of 2^-24, rounded
        const float shifted = std::bit_cast<float>(magnitude) + 0.5F;
        return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3F000000U));
    }
    const std::uint32_t rounded = magnitude + 0xFFFU + ((magnitude >> 13) & 1U);
    return static_cast<std::uint16_t>(sign | ((rounded - ((127U - 15U) << 23)) >> 13));
}

} // namespace graticule
