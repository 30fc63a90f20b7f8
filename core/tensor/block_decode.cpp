// Layouts: a block is the little-endian concatenation of the fields named at each decoder. Nibble formats keep element
// j in the low and element j + 16 in the high nibble of byte j. K formats hold 256 elements whose 8 or 16 sub-blocks
// have small integer scales.
#include "core/tensor/block_decode.h"

#include <array>
#include <cmath>
#include <cstring>

#include "core/tensor/dtype.h"

namespace graticule {
namespace {

constexpr std::int64_t small_block = 32;
constexpr std::int64_t k_block = 256;
constexpr std::int64_t nvfp4_block = 64;

constexpr std::array<std::int8_t, 16> uneven_levels = {-127, -104, -83, -65, -49, -35, -22, -10,
                                                       1,    13,   25,  38,  53,  69,  89,  113};
constexpr std::array<std::int8_t, 16> doubled_e2m1 = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

int byte_at(const std::byte* bytes, std::int64_t index) { return std::to_integer<int>(bytes[index]); }
int low_nibble(const std::byte* bytes, std::int64_t index) { return byte_at(bytes, index) & 15; }
int high_nibble(const std::byte* bytes, std::int64_t index) { return byte_at(bytes, index) >> 4; }
int signed_at(const std::byte* bytes, std::int64_t index) { return static_cast<std::int8_t>(byte_at(bytes, index)); }

float half_at(const std::byte* bytes, std::int64_t offset) {
    std::uint16_t bits;
    std::memcpy(&bits, bytes + offset, sizeof bits);
    return half_to_float(bits);
}

std::uint32_t word_at(const std::byte* bytes, std::int64_t offset) {
    std::uint32_t word;
    std::memcpy(&word, bytes + offset, sizeof word);
    return word;
}

/// The upper bit is not looked at, and the code of NaN counts as 0, as ggml has it.
float unsigned_e4m3(int code) {
    if ((code & 0xff) == 0x7f) return 0;
    const int exponent = (code >> 3) & 15, mantissa = code & 7;
    return exponent == 0 ? std::ldexp(float(mantissa), -9) : std::ldexp(float(8 + mantissa), exponent - 10);
}

int bit_of(std::uint32_t word, std::int64_t index) { return static_cast<int>((word >> index) & 1u); }

template <std::int64_t block_bytes, class DecodeBlock>
void for_each_block(const std::byte* in, std::int64_t elements, std::int64_t block_elements, float* out,
                    DecodeBlock decode) {
    for (std::int64_t block = 0; block < elements / block_elements; ++block)
        decode(in + block * block_bytes, out + block * block_elements);
}

/// Scale and minimum of sub-block 0..7 of Q4_K and Q5_K: 6 bits each, packed into 12 bytes.
struct ScaleMin {
    int scale;
    int minimum;
};

ScaleMin unpack_scale_min(const std::byte* packed, std::int64_t sub_block) {
    if (sub_block < 4) return {byte_at(packed, sub_block) & 63, byte_at(packed, sub_block + 4) & 63};
    return {low_nibble(packed, sub_block + 4) | ((byte_at(packed, sub_block - 4) >> 6) << 4),
            high_nibble(packed, sub_block + 4) | ((byte_at(packed, sub_block) >> 6) << 4)};
}

template <std::size_t n>
void decode_table_nibbles(const std::byte* codes, float scale, const std::array<std::int8_t, n>& table, float* out) {
    for (std::int64_t j = 0; j < 16; ++j) {
        out[j] = scale * static_cast<float>(table[static_cast<std::size_t>(low_nibble(codes, j))]);
        out[j + 16] = scale * static_cast<float>(table[static_cast<std::size_t>(high_nibble(codes, j))]);
    }
}

} // namespace

// f16 d | 16 bytes of nibbles: (q - 8) d
void decode_q4_0(const std::byte* in, std::int64_t elements, float* out) {
    for_each_block<18>(in, elements, small_block, out, [](const std::byte* block, float* y) {
        const float d = half_at(block, 0);
        for (std::int64_t j = 0; j < 16; ++j) {
            y[j] = static_cast<float>(low_nibble(block, 2 + j) - 8) * d;
            y[j + 16] = static_cast<float>(high_nibble(block, 2 + j) - 8) * d;
        }
    });
}

// f16 d | f16 m | 16 bytes of nibbles: q d + m
void decode_q4_1(const std::byte* in, std::int64_t elements, float* out) {
    for_each_block<20>(in, elements, small_block, out, [](const std::byte* block, float* y) {
        const float d = half_at(block, 0);
        const float m = half_at(block, 2);
        for (std::int64_t j = 0; j < 16; ++j) {
            y[j] = static_cast<float>(low_nibble(block, 4 + j)) * d + m;
            y[j + 16] = static_cast<float>(high_nibble(block, 4 + j)) * d + m;
        }
    });
}

// f16 d | u32 fifth bits | 16 bytes of nibbles: (q - 16) d
void decode_q5_0(const std::byte* in, std::int64_t elements, float* out) {
    for_each_block<22>(in, elements, small_block, out, [](const std::byte* block, float* y) {
        const float d = half_at(block, 0);
        const std::uint32_t high = word_at(block, 2);
        for (std::int64_t j = 0; j < 16; ++j) {
            y[j] = static_cast<float>((low_nibble(block, 6 + j) | (bit_of(high, j) << 4)) - 16) * d;
            y[j + 16] = static_cast<float>((high_nibble(block, 6 + j) | (bit_of(high, j + 16) << 4)) - 16) * d;
        }
    });
}

// f16 d | f16 m | u32 fifth bits | 16 bytes of nibbles: q d + m
void decode_q5_1(const std::byte* in, std::int64_t elements, float* out) {
    for_each_block<24>(in, elements, small_block, out, [](const std::byte* block, float* y) {
        const float d = half_at(block, 0);
        const float m = half_at(block, 2);
        const std::uint32_t high = word_at(block, 4);
        for (std::int64_t j = 0; j < 16; ++j) {
            y[j] = static_cast<float>(low_nibble(block, 8 + j) | (bit_of(high, j) << 4)) * d + m;
            y[j + 16] = static_cast<float>(high_nibble(block, 8 + j) | (bit_of(high, j + 16) << 4)) * d + m;
        }
    });
}

// f16 d | 32 x i8: q d
void decode_q8_0(const std::byte* in, std::int64_t elements, float* out) {
    for_each_block<34>(in, elements, small_block, out, [](const std::byte* block, float* y) {
        const float d = half_at(block, 0);
        for (std::int64_t j = 0; j < 32; ++j) y[j] = static_cast<float>(signed_at(block, 2 + j)) * d;
    });
}

// 16 bytes (scale low nibble, minimum high) | 64 bytes of 2-bit codes | f16 d | f16 dmin: d scale q - dmin minimum
void decode_q2_k(const std::byte* in, std::int64_t elements, float* out) {
    for_each_block<84>(in, elements, k_block, out, [](const std::byte* block, float* y) {
        const float d = half_at(block, 80);
        const float dmin = half_at(block, 82);
        for (std::int64_t sub = 0; sub < 16; ++sub) { // 16 elements each
            const float scale = d * static_cast<float>(low_nibble(block, sub));
            const float minimum = dmin * static_cast<float>(high_nibble(block, sub));
            const std::byte* codes = block + 16 + (sub / 8) * 32 + (sub % 2) * 16;
            const std::int64_t shift = 2 * ((sub % 8) / 2);
            for (std::int64_t l = 0; l < 16; ++l)
                y[sub * 16 + l] = scale * static_cast<float>((byte_at(codes, l) >> shift) & 3) - minimum;
        }
    });
}

// 32 bytes of third bits | 64 bytes of 2-bit codes | 12 bytes of 6-bit scales | f16 d: d (scale - 32) (q - 4), q with
// its third bit
void decode_q3_k(const std::byte* in, std::int64_t elements, float* out) {
    for_each_block<110>(in, elements, k_block, out, [](const std::byte* block, float* y) {
        const std::byte* packed = block + 96;
        const float d = half_at(block, 108);
        for (std::int64_t sub = 0; sub < 16; ++sub) {
            const int low = sub < 8 ? low_nibble(packed, sub) : high_nibble(packed, sub - 8);
            const int high = (byte_at(packed, 8 + sub % 4) >> (2 * (sub / 4))) & 3;
            const float scale = d * static_cast<float>((low | (high << 4)) - 32);
            const std::byte* third_bits = block + (sub % 2) * 16;
            const std::byte* codes = block + 32 + (sub / 8) * 32 + (sub % 2) * 16;
            const std::int64_t plane = sub / 2; // which bit of `third_bits`
            const std::int64_t shift = 2 * ((sub % 8) / 2);
            for (std::int64_t l = 0; l < 16; ++l) {
                const int code = ((byte_at(codes, l) >> shift) & 3) | (((byte_at(third_bits, l) >> plane) & 1) << 2);
                y[sub * 16 + l] = scale * static_cast<float>(code - 4);
            }
        }
    });
}

// f16 d | f16 dmin | 12 bytes of scales and minima | 128 bytes of nibbles: d scale q - dmin minimum
void decode_q4_k(const std::byte* in, std::int64_t elements, float* out) {
    for_each_block<144>(in, elements, k_block, out, [](const std::byte* block, float* y) {
        const float d = half_at(block, 0);
        const float dmin = half_at(block, 2);
        for (std::int64_t chunk = 0; chunk < 4; ++chunk) { // 64 elements: low nibbles, then high nibbles of 32 bytes
            const auto [scale_low, minimum_low] = unpack_scale_min(block + 4, 2 * chunk);
            const auto [scale_high, minimum_high] = unpack_scale_min(block + 4, 2 * chunk + 1);
            const float d_low = d * static_cast<float>(scale_low), m_low = dmin * static_cast<float>(minimum_low);
            const float d_high = d * static_cast<float>(scale_high), m_high = dmin * static_cast<float>(minimum_high);
            const std::byte* codes = block + 16 + chunk * 32;
            for (std::int64_t l = 0; l < 32; ++l) {
                y[chunk * 64 + l] = d_low * static_cast<float>(low_nibble(codes, l)) - m_low;
                y[chunk * 64 + 32 + l] = d_high * static_cast<float>(high_nibble(codes, l)) - m_high;
            }
        }
    });
}

// As Q4_K with 32 bytes of fifth bits before the nibbles
void decode_q5_k(const std::byte* in, std::int64_t elements, float* out) {
    for_each_block<176>(in, elements, k_block, out, [](const std::byte* block, float* y) {
        const float d = half_at(block, 0);
        const float dmin = half_at(block, 2);
        const std::byte* fifth_bits = block + 16;
        for (std::int64_t chunk = 0; chunk < 4; ++chunk) {
            const auto [scale_low, minimum_low] = unpack_scale_min(block + 4, 2 * chunk);
            const auto [scale_high, minimum_high] = unpack_scale_min(block + 4, 2 * chunk + 1);
            const float d_low = d * static_cast<float>(scale_low), m_low = dmin * static_cast<float>(minimum_low);
            const float d_high = d * static_cast<float>(scale_high), m_high = dmin * static_cast<float>(minimum_high);
            const std::byte* codes = block + 48 + chunk * 32;
            for (std::int64_t l = 0; l < 32; ++l) {
                const int fifth = byte_at(fifth_bits, l) >> (2 * chunk);
                y[chunk * 64 + l] = d_low * static_cast<float>(low_nibble(codes, l) | ((fifth & 1) << 4)) - m_low;
                y[chunk * 64 + 32 + l] =
                    d_high * static_cast<float>(high_nibble(codes, l) | ((fifth & 2) << 3)) - m_high;
            }
        }
    });
}

// 128 bytes of nibbles | 64 bytes of upper bit pairs | 16 x i8 scales | f16 d: d scale (q - 32)
void decode_q6_k(const std::byte* in, std::int64_t elements, float* out) {
    for_each_block<210>(in, elements, k_block, out, [](const std::byte* block, float* y) {
        const float d = half_at(block, 208);
        for (std::int64_t sub = 0; sub < 16; ++sub) { // 16 elements each; a half of the block is four runs of 32
            const std::int64_t half = sub / 8, run = (sub % 8) / 2, start = (sub % 2) * 16;
            const std::byte* nibbles = block + half * 64 + (run % 2) * 32 + start;
            const std::byte* pairs = block + 128 + half * 32 + start;
            const int nibble_shift = run < 2 ? 0 : 4;
            const float scale = d * static_cast<float>(signed_at(block, 192 + sub));
            for (std::int64_t l = 0; l < 16; ++l) {
                const int low = (byte_at(nibbles, l) >> nibble_shift) & 15;
                const int high = (byte_at(pairs, l) >> (2 * run)) & 3;
                y[sub * 16 + l] = scale * static_cast<float>((low | (high << 4)) - 32);
            }
        }
    });
}

// f16 d | 16 bytes of nibbles that index a table of sixteen unevenly spaced levels
void decode_iq4_nl(const std::byte* in, std::int64_t elements, float* out) {
    for_each_block<18>(in, elements, small_block, out, [](const std::byte* block, float* y) {
        decode_table_nibbles(block + 2, half_at(block, 0), uneven_levels, y);
    });
}

// f16 d | 8 upper bit pairs of scales | 8 lower nibbles of scales | 8 x 16 bytes of nibbles as in IQ4_NL: d (scale - 32)
// level
void decode_iq4_xs(const std::byte* in, std::int64_t elements, float* out) {
    for_each_block<136>(in, elements, k_block, out, [](const std::byte* block, float* y) {
        const float d = half_at(block, 0);
        for (std::int64_t sub = 0; sub < 8; ++sub) { // 32 elements each
            const int low = (byte_at(block, 4 + sub / 2) >> (4 * (sub % 2))) & 15;
            const int high = (byte_at(block, 2 + sub / 4) >> (2 * (sub % 4))) & 3;
            const float scale = d * static_cast<float>((low | (high << 4)) - 32);
            decode_table_nibbles(block + 8 + sub * 16, scale, uneven_levels, y + sub * 32);
        }
    });
}

// u8 exponent | 16 bytes of nibbles that are E2M1 floats; the table holds them doubled, hence 2^(e - 128) for 2^(e -
// 127)
void decode_mxfp4(const std::byte* in, std::int64_t elements, float* out) {
    for_each_block<17>(in, elements, small_block, out, [](const std::byte* block, float* y) {
        decode_table_nibbles(block + 1, std::ldexp(1.0f, byte_at(block, 0) - 128), doubled_e2m1, y);
    });
}

// 4 x E4M3 without a sign, one a run of 16 | 4 x 8 bytes of nibbles: element j low, j + 8 high
void decode_nvfp4(const std::byte* in, std::int64_t elements, float* out) {
    for_each_block<36>(in, elements, nvfp4_block, out, [](const std::byte* block, float* y) {
        for (std::int64_t run = 0; run < 4; ++run) {
            const float scale = 0.5f * unsigned_e4m3(byte_at(block, run));
            const std::byte* codes = block + 4 + 8 * run;
            for (std::int64_t j = 0; j < 8; ++j) {
                const auto level = [&](int code) { return float(doubled_e2m1[static_cast<std::size_t>(code)]); };
                y[16 * run + j] = scale * level(low_nibble(codes, j));
                y[16 * run + 8 + j] = scale * level(high_nibble(codes, j));
            }
        }
    });
}

} // namespace graticule
