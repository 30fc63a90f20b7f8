// The last steps of a product, as gemm.h's numeric contract fixes them, for one output. Files that include this are
// compiled with -ffp-contract=off.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "kernels/api/gemm.h"
#include "kernels/api/half.h"

namespace graticule::cpu {

/// `bias` of an output without one: adding it changes no float32, not even the sign of a zero.
inline constexpr float no_bias = -0.0F;

inline float finish(float sum, float input_scale, float weight_scale, float bias) {
    return (sum * input_scale) * weight_scale + bias;
}
inline float finish_groups(float sum, float input_scale, float bias) { return sum * input_scale + bias; }

inline void store_output(const GemmOutput& y, ValueType type, std::int64_t token, std::int64_t output, float value) {
    const std::int64_t at = token * y.row_stride + output;
    if (type == ValueType::f32)
        static_cast<float*>(y.data)[at] = value;
    else
        static_cast<std::uint16_t*>(y.data)[at] = type == ValueType::bf16 ? float_to_bf16(value) : float_to_f16(value);
}

} // namespace graticule::cpu
