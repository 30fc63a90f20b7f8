#include "core/tensor/dtype.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "core/base/error.h"
#include "core/tensor/block_decode.h"

namespace graticule {
namespace {

template <class T>
T load(const std::byte* bytes, std::int64_t index) {
    T value; // the bytes of a file need not be aligned
    std::memcpy(&value, bytes + index * static_cast<std::int64_t>(sizeof(T)), sizeof(T));
    return value;
}

/// Branch-free so that the compiler vectorizes it: 16-bit floats are decoded at memory speed.
float half_bits_to_float(std::uint32_t bits) {
    constexpr std::uint32_t exponent_mask = 0x7c00u << 13;
    constexpr std::uint32_t rebias = (127u - 15u) << 23;
    const std::uint32_t magnitude = (bits & 0x7fffu) << 13;
    const std::uint32_t exponent = magnitude & exponent_mask;
    const std::uint32_t normal = magnitude + rebias;
    const std::uint32_t special = normal + ((128u - 16u) << 23); // infinity, NaN
    // A subnormal half is a normal float: give it the implicit one of 2^-14 and subtract that again.
    const float subnormal = std::bit_cast<float>(normal + (1u << 23)) - std::bit_cast<float>(113u << 23);
    const std::uint32_t result = exponent == exponent_mask ? special
                                 : exponent == 0           ? std::bit_cast<std::uint32_t>(subnormal)
                                                           : normal;
    return std::bit_cast<float>(result | ((bits & 0x8000u) << 16));
}

void decode_f64(const std::byte* in, std::int64_t elements, float* out) {
    for (std::int64_t i = 0; i < elements; ++i) out[i] = static_cast<float>(load<double>(in, i));
}

void decode_f32(const std::byte* in, std::int64_t elements, float* out) {
    if (elements > 0) std::memcpy(out, in, static_cast<std::size_t>(elements) * sizeof(float));
}

void decode_f16(const std::byte* in, std::int64_t elements, float* out) {
    for (std::int64_t i = 0; i < elements; ++i) out[i] = half_bits_to_float(load<std::uint16_t>(in, i));
}

void decode_bf16(const std::byte* in, std::int64_t elements, float* out) {
    for (std::int64_t i = 0; i < elements; ++i)
        out[i] = std::bit_cast<float>(std::uint32_t{load<std::uint16_t>(in, i)} << 16);
}

/// OCP 8-bit floats. E4M3 ("fn") has no infinity and one NaN code; E5M2 follows IEEE.
std::array<float, 256> float8_table(int mantissa_bits, int bias, bool finite_only) {
    std::array<float, 256> table{};
    for (int code = 0; code < 256; ++code) {
        const int exponent = (code & 0x7f) >> mantissa_bits;
        const int mantissa = code & ((1 << mantissa_bits) - 1);
        const int top_exponent = 0x7f >> mantissa_bits;
        const float fraction = std::ldexp(static_cast<float>(mantissa), -mantissa_bits);
        float value = exponent == 0 ? std::ldexp(fraction, 1 - bias) : std::ldexp(1.0f + fraction, exponent - bias);
        if (finite_only && (code & 0x7f) == 0x7f) value = std::nanf("");
        if (!finite_only && exponent == top_exponent) value = mantissa == 0 ? HUGE_VALF : std::nanf("");
        table[static_cast<std::size_t>(code)] = (code & 0x80) ? -value : value;
    }
    return table;
}

void decode_f8_e4m3(const std::byte* in, std::int64_t elements, float* out) {
    static const std::array<float, 256> table = float8_table(3, 7, true);
    for (std::int64_t i = 0; i < elements; ++i) out[i] = table[std::to_integer<std::size_t>(in[i])];
}

void decode_f8_e5m2(const std::byte* in, std::int64_t elements, float* out) {
    static const std::array<float, 256> table = float8_table(2, 15, false);
    for (std::int64_t i = 0; i < elements; ++i) out[i] = table[std::to_integer<std::size_t>(in[i])];
}

// In the order of the enum; row_of() relies on it. Integers have no decoder: they are token ids, codes or indices.
constexpr std::array rows = {
    DTypeRow{DType::f64, "f64", "F64", 28, 1, 8, decode_f64},
    DTypeRow{DType::f32, "f32", "F32", 0, 1, 4, decode_f32},
    DTypeRow{DType::f16, "f16", "F16", 1, 1, 2, decode_f16},
    DTypeRow{DType::bf16, "bf16", "BF16", 30, 1, 2, decode_bf16},
    DTypeRow{DType::f8_e4m3, "f8_e4m3", "F8_E4M3", -1, 1, 1, decode_f8_e4m3},
    DTypeRow{DType::f8_e5m2, "f8_e5m2", "F8_E5M2", -1, 1, 1, decode_f8_e5m2},
    DTypeRow{DType::i64, "i64", "I64", 27, 1, 8, nullptr},
    DTypeRow{DType::i32, "i32", "I32", 26, 1, 4, nullptr},
    DTypeRow{DType::i16, "i16", "I16", 25, 1, 2, nullptr},
    DTypeRow{DType::i8, "i8", "I8", 24, 1, 1, nullptr},
    DTypeRow{DType::u64, "u64", "U64", -1, 1, 8, nullptr},
    DTypeRow{DType::u32, "u32", "U32", -1, 1, 4, nullptr},
    DTypeRow{DType::u16, "u16", "U16", -1, 1, 2, nullptr},
    DTypeRow{DType::u8, "u8", "U8", -1, 1, 1, nullptr},
    DTypeRow{DType::boolean, "bool", "BOOL", -1, 1, 1, nullptr},
    DTypeRow{DType::q4_0, "Q4_0", "", 2, 32, 18, decode_q4_0},
    DTypeRow{DType::q4_1, "Q4_1", "", 3, 32, 20, decode_q4_1},
    DTypeRow{DType::q5_0, "Q5_0", "", 6, 32, 22, decode_q5_0},
    DTypeRow{DType::q5_1, "Q5_1", "", 7, 32, 24, decode_q5_1},
    DTypeRow{DType::q8_0, "Q8_0", "", 8, 32, 34, decode_q8_0},
    DTypeRow{DType::q2_k, "Q2_K", "", 10, 256, 84, decode_q2_k},
    DTypeRow{DType::q3_k, "Q3_K", "", 11, 256, 110, decode_q3_k},
    DTypeRow{DType::q4_k, "Q4_K", "", 12, 256, 144, decode_q4_k},
    DTypeRow{DType::q5_k, "Q5_K", "", 13, 256, 176, decode_q5_k},
    DTypeRow{DType::q6_k, "Q6_K", "", 14, 256, 210, decode_q6_k},
    DTypeRow{DType::iq4_nl, "IQ4_NL", "", 20, 32, 18, decode_iq4_nl},
    DTypeRow{DType::iq4_xs, "IQ4_XS", "", 23, 256, 136, decode_iq4_xs},
    DTypeRow{DType::mxfp4, "MXFP4", "", 39, 32, 17, decode_mxfp4},
    DTypeRow{DType::nvfp4, "NVFP4", "", 40, 64, 36, decode_nvfp4},
    DTypeRow{DType::encoded, "codes", "", -1, 1, 0, nullptr},
};

constexpr bool rows_follow_the_enum() {
    for (std::size_t i = 0; i < rows.size(); ++i)
        if (static_cast<std::size_t>(rows[i].dtype) != i) return false;
    return true;
}
static_assert(rows_follow_the_enum());

} // namespace

const DTypeRow& row_of(DType dtype) {
    const auto index = static_cast<std::size_t>(dtype);
    GRATICULE_ASSERT(index < rows.size(), "an element type outside the enum");
    return rows[index];
}

std::optional<DType> dtype_from_safetensors(std::string_view name) {
    for (const DTypeRow& row : rows)
        if (!name.empty() && row.safetensors_name == name) return row.dtype;
    return std::nullopt;
}

std::optional<DType> dtype_from_gguf(std::int32_t id) {
    for (const DTypeRow& row : rows)
        if (row.gguf_id >= 0 && row.gguf_id == id) return row.dtype;
    return std::nullopt;
}

float half_to_float(std::uint16_t bits) { return half_bits_to_float(bits); }

std::uint16_t float_to_half(float value) {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t sign = (bits >> 16) & 0x8000u;
    const std::uint32_t magnitude = bits & 0x7fffffffu;
    std::uint32_t half = 0;
    if (magnitude > 0x7f800000u) {
        half = 0x7e00u; // NaN
    } else if (magnitude >= 0x47800000u) {
        half = 0x7c00u; // 65536 and more, infinity
    } else if (magnitude < 0x38800000u) {
        // Below 2^-14: adding 0.5 leaves the subnormal half, rounded half to even by the addition, in the low bits.
        const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
        half = std::bit_cast<std::uint32_t>(shifted) - std::bit_cast<std::uint32_t>(0.5f);
    } else {
        const std::uint32_t odd = (magnitude >> 13) & 1u; // ties go to the even neighbour
        half = (magnitude - ((127u - 15u) << 23) + 0xfffu + odd) >> 13;
    }
    return static_cast<std::uint16_t>(sign | half);
}

float bfloat16_to_float(std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16); }

std::uint16_t float_to_bfloat16(float value) {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<std::uint16_t>((bits >> 16) | 0x0040u); // stays NaN
    return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

} // namespace graticule
