// Four-bit codes to the bytes a tensor core multiplies, eight codes at a time, in registers.
//
// INT4, dual grain: w = scale (code - zero) with |w| <= 127. For four codes in the bytes of a word,
//     u = codes * scale + C * 0x01010101 (mod 2^32),  C = 128 - scale * zero
// is one 32-bit multiply-add. Every final byte w + 128 lies in 1 ... 255, so the sum of byte_i 256^i is the only
// residue there is: what overflows or borrows between bytes on the way cancels exactly, whatever the sign of scale
// and zero. Read as unsigned bytes, the product holds 128 * (sum of the token's inputs) too much, an exact integer
// that the epilogue takes off again. Per channel, C and the multiplication leave the loop altogether: u = code.
//
// dINT4 (Lee et al. 2023): codes 0 ... 13 are 2 (code - zero), the specials +1 and -1, in half steps. With index =
// code / 2 and flag = code mod 2, value + 2 zero + 1 is 4 index + 1 + 2 flag, and for the specials (14: +1, 15: -1) 2
// zero + 2 and 2 zero: two tables of eight bytes, L = {1, 5, ..., 25, 2 zero} and H = L + 2. Stored is flag << 3 |
// index, with the specials' flags swapped. A byte permutation whose selector has its top bit set gives the sign of
// the selected byte, 0 here, so L picks where the flag is clear and H where it is set, without masks, and the two are
// added.
#pragma once

#include <cstdint>

#include "kernels/cuda/gemm/packed_weight.h"

namespace graticule::cuda {

__host__ __device__ constexpr std::uint32_t dint_nibble(std::uint32_t code) {
    return code == 15 ? 7U : code == 14 ? 15U : ((code & 1U) << 3) | (code >> 1);
}

__device__ __forceinline__ std::uint32_t permute(std::uint32_t low, std::uint32_t high, std::uint32_t selector) {
    std::uint32_t bytes;
    asm("prmt.b32 %0, %1, %2, %3;" : "=r"(bytes) : "r"(low), "r"(high), "r"(selector));
    return bytes;
}

__device__ __forceinline__ std::uint32_t in_every_byte(std::int32_t value) {
    return static_cast<std::uint32_t>(value) * 0x01010101U;
}

/// A constant as the compiler cannot see: it would keep it in a uniform register and copy it before every
/// permutation.
__device__ __forceinline__ std::uint32_t in_a_register(std::uint32_t constant) {
    return __shfl_sync(0xFFFFFFFFU, constant, 0);
}

/// Scale and zero of the two rows a lane holds, as a block's constants store them.
struct RowConstants {
    std::int32_t scale[2], zero[2];
    __device__ explicit RowConstants(std::uint32_t word) {
#pragma unroll
        for (int row = 0; row < 2; ++row) {
            scale[row] = static_cast<std::int8_t>(word >> (16 * row));
            zero[row] = static_cast<std::int8_t>(word >> (16 * row + 8));
        }
    }
};

/// Decoders: `for_tile` once per tile of outputs with the two rows' corrections (ChannelRecord), `for_group` once per
/// group of inputs, then `bytes` for each word of row `row` (0: l / 4, 1: l / 4 + 8) gives the bytes of its first and
/// of its second four codes.
struct Int4Channel {
    static constexpr bool has_constants = false, uses_corrections = false;
    __device__ void for_tile(const std::int32_t (&)[2]) {}
    __device__ void for_group(std::uint32_t) {}
    template <int row>
    __device__ void bytes(std::uint32_t word, std::uint32_t& first, std::uint32_t& second) const {
        first = word & 0x0F0F0F0FU;
        second = (word >> 4) & 0x0F0F0F0FU;
    }
};

struct Int4Dual {
    static constexpr bool has_constants = true, uses_corrections = false;
    std::uint32_t scale[2], offset[2];
    __device__ void for_tile(const std::int32_t (&)[2]) {}
    __device__ void for_group(std::uint32_t word) {
        const RowConstants constants(word);
#pragma unroll
        for (int row = 0; row < 2; ++row) {
            scale[row] = static_cast<std::uint32_t>(constants.scale[row]);
            offset[row] = in_every_byte(128 - constants.scale[row] * constants.zero[row]);
        }
    }
    template <int row>
    __device__ void bytes(std::uint32_t word, std::uint32_t& first, std::uint32_t& second) const {
        first = (word & 0x0F0F0F0FU) * scale[row] + offset[row];
        second = ((word >> 4) & 0x0F0F0F0FU) * scale[row] + offset[row];
    }
};

/// The tables; only the last byte depends on the zero point.
inline constexpr std::uint32_t dint_low = 0x0D090501U, dint_high = 0x00191511U, half_step_up = 0x02020202U;

struct DInt4Channel {
    static constexpr bool has_constants = false, uses_corrections = true;
    std::uint32_t low, low_up, high[2], high_up[2];
    __device__ void for_tile(const std::int32_t (&corrections)[2]) {
        low = in_a_register(dint_low);
        low_up = in_a_register(dint_low + half_step_up);
#pragma unroll
        for (int row = 0; row < 2; ++row) {
            high[row] = dint_high | static_cast<std::uint32_t>(corrections[row] - 1) << 24; // correction = 2 zero + 1
            high_up[row] = high[row] + half_step_up;
        }
    }
    __device__ void for_group(std::uint32_t) {}
    template <int row>
    __device__ void bytes(std::uint32_t word, std::uint32_t& first, std::uint32_t& second) const {
        const std::uint32_t set = word ^ 0x88888888U;
        first = permute(low, high[row], word) | permute(low_up, high_up[row], set);
        second = permute(low, high[row], word >> 16) | permute(low_up, high_up[row], set >> 16);
    }
};

struct DInt4Dual {
    static constexpr bool has_constants = true, uses_corrections = false;
    std::uint32_t scale[2], offset[2], low, low_up, high[2], high_up[2];
    __device__ void for_tile(const std::int32_t (&)[2]) {
        low = in_a_register(dint_low);
        low_up = in_a_register(dint_low + half_step_up);
    }
    __device__ void for_group(std::uint32_t word) {
        const RowConstants constants(word);
#pragma unroll
        for (int row = 0; row < 2; ++row) {
            scale[row] = static_cast<std::uint32_t>(constants.scale[row]);
            offset[row] = in_every_byte(128 - constants.scale[row] * (2 * constants.zero[row] + 1));
            high[row] = dint_high | static_cast<std::uint32_t>(2 * constants.zero[row]) << 24;
            high_up[row] = high[row] + half_step_up;
        }
    }
    template <int row>
    __device__ void bytes(std::uint32_t word, std::uint32_t& first, std::uint32_t& second) const {
        const std::uint32_t set = word ^ 0x88888888U;
        first = permute(low, high[row], word) * scale[row] + offset[row];
        first = permute(low_up, high_up[row], set) * scale[row] + first;
        second = permute(low, high[row], word >> 16) * scale[row] + offset[row];
        second = permute(low_up, high_up[row], set >> 16) * scale[row] + second;
    }
};

/// 8-bit weights, which nothing is decoded of: they lie in shared memory as operands.
struct Int8Bytes {
    static constexpr bool has_constants = false, uses_corrections = false;
    __device__ void for_tile(const std::int32_t (&)[2]) {}
};

} // namespace graticule::cuda
