// Element types as one table row each: names in files, block size, decoder to float32.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace graticule {

enum class DType : std::uint8_t {
    f64,
    f32,
    f16,
    bf16,
    f8_e4m3,
    f8_e5m2,
    i64,
    i32,
    i16,
    i8,
    u64,
    u32,
    u16,
    u8,
    boolean,
    // Block formats of GGUF (formats.md section 9.2): scales and codes of 32 to 256 elements stored together.
    q4_0,
    q4_1,
    q5_0,
    q5_1,
    q8_0,
    q2_k,
    q3_k,
    q4_k,
    q5_k,
    q6_k,
    iq4_nl,
    iq4_xs,
    mxfp4,
    nvfp4,
    encoded, ///< spread over several tensors of its container (codes here, scales there): HostTensor::encoded decodes
             ///< it
};

struct DTypeRow {
    DType dtype;
    std::string_view name;             ///< as shown: "bf16", "Q4_1"
    std::string_view safetensors_name; ///< "BF16"; empty: cannot be in a safetensors file
    std::int32_t gguf_id;              ///< ggml type id; -1: cannot be in a GGUF file
    std::int32_t block_elements;       ///< 1 for plain types
    std::int32_t block_bytes;
    void (*decode)(const std::byte* blocks, std::int64_t elements, float* out); ///< null: not numbers of a model
};

[[nodiscard]] const DTypeRow& row_of(DType dtype);
[[nodiscard]] std::optional<DType> dtype_from_safetensors(std::string_view name);
[[nodiscard]] std::optional<DType> dtype_from_gguf(std::int32_t id);

/// IEEE half and bfloat16, exact both ways (rounding half to even on the way down).
[[nodiscard]] float half_to_float(std::uint16_t bits);
[[nodiscard]] std::uint16_t float_to_half(float value);
[[nodiscard]] float bfloat16_to_float(std::uint16_t bits);
[[nodiscard]] std::uint16_t float_to_bfloat16(float value);

} // namespace graticule
