// What the two kernels that quantize inputs share: eight neighbouring values at a time, a token's extremes, its scale,
// int8 codes and their sum. The arithmetic is that of grid_points.h and scale_rule.h, division included, compiled
// without contraction: the codes are those of the CPU. Layouts are those of gemm.h; eight values are half of a 16-byte
// piece in both.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "kernels/api/scale_rule.h"
#include "kernels/cuda/gemm/overlapped_launch.cuh"
#include "kernels/cuda/gemm/products.h"

namespace graticule::cuda {

struct QuantizeArguments {
    std::int32_t tokens, columns;
    bool wide_stores; ///< rows of the output allow 8-byte stores
    InputLayout layout;
    ScaleOptions options;
    const float* fixed_scale;
    const float* fixed_zero;
    QuantizedInput out;
    GridPoints points;
};

/// Columns of a row of the output.
__device__ __forceinline__ std::int32_t padded_columns(const QuantizeArguments& a) {
    return a.layout == InputLayout::tiles ? (a.columns + 127) / 128 * 128 : a.columns;
}

/// A matrix of values that a kernel reads.
struct Rows {
    const std::uint8_t* data;
    std::int64_t row_bytes;
    bool wide; ///< rows allow 16-byte loads
    explicit Rows(const ValueMatrix& values)
        : data(static_cast<const std::uint8_t*>(values.data))
        , row_bytes(values.row_stride * bytes_of(values.type))
        , wide(reinterpret_cast<std::uintptr_t>(values.data) % 16 == 0 && row_bytes % 16 == 0) {}
};

template <ValueType type>
struct Eight; ///< eight neighbouring values as memory holds them
template <>
struct Eight<ValueType::f32> {
    float4 words[2];
    __device__ float operator[](int i) const { return reinterpret_cast<const float*>(words)[i]; }
    __device__ void put(int i, float value) { reinterpret_cast<float*>(words)[i] = value; }
    __device__ void set(int i, const void* row, std::int64_t column) {
        reinterpret_cast<float*>(words)[i] = static_cast<const float*>(row)[column];
    }
};
template <>
struct Eight<ValueType::bf16> {
    uint4 words[1];
    __device__ float operator[](int i) const {
        return __bfloat162float(reinterpret_cast<const __nv_bfloat16*>(words)[i]);
    }
    __device__ void set(int i, const void* row, std::int64_t column) {
        reinterpret_cast<__nv_bfloat16*>(words)[i] = static_cast<const __nv_bfloat16*>(row)[column];
    }
};
template <>
struct Eight<ValueType::f16> {
    uint4 words[1];
    __device__ float operator[](int i) const { return __half2float(reinterpret_cast<const __half*>(words)[i]); }
    __device__ void set(int i, const void* row, std::int64_t column) {
        reinterpret_cast<__half*>(words)[i] = static_cast<const __half*>(row)[column];
    }
};

/// Columns 8 v ... 8 v + 7 of a row; zeros past its end. `wide`: rows allow 16-byte loads.
template <ValueType type>
__device__ Eight<type> load_eight(const void* row, std::int32_t v, std::int32_t columns, bool wide) {
    using Word = std::remove_reference_t<decltype(Eight<type>{}.words[0])>;
    constexpr int words = sizeof(Eight<type>) / 16;
    Eight<type> eight{};
    if (wide && 8 * v + 8 <= columns) {
#pragma unroll
        for (int i = 0; i < words; ++i) eight.words[i] = static_cast<const Word*>(row)[words * v + i];
    } else {
#pragma unroll
        for (int i = 0; i < 8; ++i)
            if (8 * v + i < columns) eight.set(i, row, 8 * v + i);
    }
    return eight;
}

template <ValueType type>
__device__ __forceinline__ void widen(const Eight<type>& eight, float& low, float& high) {
#pragma unroll
    for (int i = 0; i < 8; ++i) {
        const float value = is_finite(eight[i]) ? eight[i] : 0.0F;
        low = value < low ? value : low;
        high = value > high ? value : high;
    }
}

/// `shared` holds a value per warp; every thread gets the same result.
template <int warps, class T, class Join>
__device__ __forceinline__ T join_all(T value, T* shared, Join join) {
#pragma unroll
    for (int step = 16; step > 0; step /= 2) value = join(value, __shfl_xor_sync(0xFFFFFFFFU, value, step));
    if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = value;
    __syncthreads();
    value = shared[0];
#pragma unroll
    for (int warp = 1; warp < warps; ++warp) value = join(value, shared[warp]);
    return value;
}

/// The lowest bytes of four words.
__device__ __forceinline__ std::uint32_t low_bytes(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
    return __byte_perm(__byte_perm(a, b, 0x0040), __byte_perm(c, d, 0x0040), 0x5410);
}

/// Eight codes of quantize, less 128, in the bytes of two words: of x / scale, rounded once. The product with the
/// reciprocal is off by less than 5e-5 steps among the codes there are, so it rounds alike wherever it is not that near
/// to a half; where one of the eight is (or is NaN), all are divided. Rounding is adding a number whose last place is
/// 1; the sum's lowest byte is the code already.
template <ValueType type>
__device__ __forceinline__ void eight_codes(const GridPoints& points, const BlockPoint& block, const Eight<type>& x,
                                            float scale, float reciprocal, std::uint32_t (&words)[2]) {
    const float magic = 12582912.0F + (block.zero - 128.0F); // 1.5 * 2^23, exact
    bool clear = true;
    std::uint32_t bits[8];
#pragma unroll
    for (int i = 0; i < 8; ++i) {
        const float steps = clamp_to(x[i] * reciprocal, block.low, block.high);
        const float shifted = steps + magic;
        clear &= magnitude_of(steps - (shifted - magic)) < 0.4999F; // not of NaN
        bits[i] = __float_as_uint(shifted);
    }
    if (!clear) {
#pragma unroll
        for (int i = 0; i < 8; ++i)
            bits[i] = static_cast<std::uint32_t>(
                nearest_lattice_point<GridKind::lattice>(points, block, in_steps(x[i], scale)).code - 128);
    }
    words[0] = low_bytes(bits[0], bits[1], bits[2], bits[3]);
    words[1] = low_bytes(bits[4], bits[5], bits[6], bits[7]);
}

/// What warps tell each other.
template <int threads>
struct RowShared {
    float lows[threads / 32], highs[threads / 32];
    std::int32_t sums[threads / 32];
};

/// One token by one thread block. `visit` calls what it is given with each of the thread's eights and its place in the
/// row, the same ones every time.
template <int threads, class Visit>
__device__ __forceinline__ void quantize_row(const QuantizeArguments& a, std::int32_t token, RowShared<threads>& shared,
                                             const Visit& visit) {
    constexpr int warps = threads / 32;
    const std::int32_t padded = padded_columns(a);
    float scale, zero = 128.0F;
    if (a.fixed_scale == nullptr) {
        float low = 0.0F, high = 0.0F;
        visit([&](const auto& eight, std::int32_t) { widen(eight, low, high); });
        low = join_all<warps>(low, shared.lows, [](float x, float y) { return y < x ? y : x; });
        high = join_all<warps>(high, shared.highs, [](float x, float y) { return y > x ? y : x; });
        const ScaleAndZero found = scale_of_range(low, high, a.points, a.options, 1.0F);
        scale = found.scale;
        zero = found.zero;
    } else {
        scale = *a.fixed_scale;
        if (a.fixed_zero != nullptr) zero = *a.fixed_zero;
    }

    // Of a scale so large that its reciprocal is no normal number: NaN, so that every value divides.
    const float reciprocal = scale < 0x1p125F ? 1.0F / scale : __int_as_float(0x7FFFFFFF);
    const BlockPoint block = block_point<GridKind::lattice>(a.points, scale, zero);
    std::int32_t sum = 0;
    visit([&](const auto& eight, std::int32_t v) {
        if (8 * v >= padded) return;
        std::uint32_t words[2];
        eight_codes(a.points, block, eight, scale, reciprocal, words);
        if (8 * v + 8 > a.columns) { // codes past the end are 0
            const std::int32_t left = max(0, a.columns - 8 * v);
            words[0] &= left >= 4 ? 0xFFFFFFFFU : (1U << (8 * left)) - 1U;
            words[1] &= left <= 4 ? 0U : (1U << (8 * (left - 4))) - 1U;
        }
        sum = __dp4a(static_cast<int>(words[0]), 0x01010101, sum);
        sum = __dp4a(static_cast<int>(words[1]), 0x01010101, sum);
        std::int8_t* to = a.out.values + place_in_layout(a.layout, a.tokens, a.columns, token, 8 * v);
        if (a.wide_stores) {
            *reinterpret_cast<uint2*>(to) = make_uint2(words[0], words[1]);
        } else {
            for (int i = 0; i < 8 && 8 * v + i < padded; ++i)
                to[i] = static_cast<std::int8_t>(words[i / 4] >> (8 * (i % 4)));
        }
    });
    sum = join_all<warps>(sum, shared.sums, [](std::int32_t x, std::int32_t y) { return x + y; });
    if (threadIdx.x == 0) {
        a.out.scale[token] = scale;
        if (a.out.zero != nullptr) a.out.zero[token] = zero - 128.0F;
        a.out.row_sum[token] = sum;
    }
}

} // namespace graticule::cuda
