#include "kernels/cpu/stored_rows.h"

#include <bit>

#include "kernels/api/half.h"
#include "kernels/cpu/vector_clones.h"

namespace graticule::cpu {
namespace {

GRATICULE_VECTOR_CLONES void widen_bf16(const std::uint16_t* bits, std::int64_t length, float* out) {
    for (std::int64_t i = 0; i < length; ++i) out[i] = bf16_to_float(bits[i]);
}

/// f16_to_float without its branches. The exponent's offset is a product, which gives the numbers below the smallest
/// normal one as well; infinity and NaN take the largest exponent instead.
GRATICULE_VECTOR_CLONES void widen_f16(const std::uint16_t* halves, std::int64_t length, float* out) {
    for (std::int64_t i = 0; i < length; ++i) {
        const std::uint32_t half = halves[i];
        const std::uint32_t shifted = (half & 0x7FFFU) << 13;
        const auto scaled = std::bit_cast<std::uint32_t>(std::bit_cast<float>(shifted) * 0x1p112F);
        const std::uint32_t magnitude = shifted >= 0x0F800000U ? shifted | 0x7F800000U : scaled;
        out[i] = std::bit_cast<float>(magnitude | (half & 0x8000U) << 16);
    }
}

} // namespace

const float* StoredRows::operator()(std::int64_t row) {
    const std::int64_t first = row * matrix_.row_stride;
    if (matrix_.type == ValueType::f32) return static_cast<const float*>(matrix_.data) + first;
    const std::uint16_t* stored = static_cast<const std::uint16_t*>(matrix_.data) + first;
    (matrix_.type == ValueType::bf16 ? widen_bf16 : widen_f16)(stored, matrix_.columns, wide_.data());
    return wide_.data();
}

} // namespace graticule::cpu
