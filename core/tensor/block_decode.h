// Decoders of GGUF's block formats to float32. `elements` is a multiple of the format's block (32, 64 or 256); `in` need
// not be aligned.
#pragma once

#include <cstddef>
#include <cstdint>

namespace graticule {

void decode_q4_0(const std::byte* in, std::int64_t elements, float* out);
void decode_q4_1(const std::byte* in, std::int64_t elements, float* out);
void decode_q5_0(const std::byte* in, std::int64_t elements, float* out);
void decode_q5_1(const std::byte* in, std::int64_t elements, float* out);
void decode_q8_0(const std::byte* in, std::int64_t elements, float* out);
void decode_q2_k(const std::byte* in, std::int64_t elements, float* out);
void decode_q3_k(const std::byte* in, std::int64_t elements, float* out);
void decode_q4_k(const std::byte* in, std::int64_t elements, float* out);
void decode_q5_k(const std::byte* in, std::int64_t elements, float* out);
void decode_q6_k(const std::byte* in, std::int64_t elements, float* out);
void decode_iq4_nl(const std::byte* in, std::int64_t elements, float* out);
void decode_iq4_xs(const std::byte* in, std::int64_t elements, float* out);
void decode_mxfp4(const std::byte* in, std::int64_t elements, float* out);
void decode_nvfp4(const std::byte* in, std::int64_t elements, float* out);

} // namespace graticule
