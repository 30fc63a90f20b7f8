// What the two kernels that quantize inputs share: eight neighbouring values at a time, a token's extremes, its scale,
// int8 codes and their sum. The arithmetic is that of grid_points.h and scale_rule.h, division included, compiled
// without contraction: the codes are those of the CPU. Layouts are those of gemm.h; eight values are half of a 16-byte
// piece in both.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "kernels/api/scale_rule.h"
#include "kernels/cuda/gemm/hopper.cuh"
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

/// The smallest and the largest of a thread's values and 0, by the card's own minima, of 16-bit values two at a time.
/// NaN passes through them to the end, infinity too: only a thread that finds one there looks at each value.
template <ValueType type>
struct Extremes;
template <>
struct Extremes<ValueType::f32> {
    float lowest = 0.0F, highest = 0.0F;
    __device__ __forceinline__ void take(const Eight<ValueType::f32>& eight) {
#pragma unroll
        for (int i = 0; i < 8; ++i) {
            asm("min.NaN.f32 %0, %0, %1;" : "+f"(lowest) : "f"(eight[i]));
            asm("max.NaN.f32 %0, %0, %1;" : "+f"(highest) : "f"(eight[i]));
        }
    }
    __device__ float low() const { return lowest; }
    __device__ float high() const { return highest; }
};
template <class Pair, ValueType type>
struct PairExtremes {
    Pair lowest{}, highest{};
    __device__ __forceinline__ void take(const Eight<type>& eight) {
        const auto* pairs = reinterpret_cast<const Pair*>(eight.words);
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            lowest = __hmin2_nan(lowest, pairs[i]);
            highest = __hmax2_nan(highest, pairs[i]);
        }
    }
    __device__ float low() const { return float(__hmin_nan(lowest.x, lowest.y)); }
    __device__ float high() const { return float(__hmax_nan(highest.x, highest.y)); }
};
template <>
struct Extremes<ValueType::bf16> : PairExtremes<__nv_bfloat162, ValueType::bf16> {};
template <>
struct Extremes<ValueType::f16> : PairExtremes<__half2, ValueType::f16> {};

/// The same of the finite values, one by one.
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

/// What adding to a float32 makes of it: a number whose last place is 1, so that the sum is rounded to a whole number
/// (half to even) and its lowest byte is that number's.
inline constexpr float whole_places = 12582912.0F; // 1.5 * 2^23

/// How the values of a row become codes, which are kept less 128: round(x / scale) + zero, the quotient rounded to
/// float32 first.
struct RowCodes {
    BlockPoint block;
    float scale, reciprocal;
    float magic; ///< whole_places + zero - 128, exact

    __device__ RowCodes(const GridPoints& points, float scale_, float zero)
        : block(block_point<GridKind::lattice>(points, scale_, zero))
        , scale(scale_)
        , reciprocal(1.0F / scale_)
        , magic(whole_places + (zero - 128.0F)) {}

    /// Whether no remainder of a division by the scale is too small for float32.
    __device__ bool is_ordinary() const { return scale >= 0x1p-80F && scale <= 0x1p80F; }
    /// Whether it is, and values from `low` to `high` have codes among -128 ... 127 without clamping, halves aside.
    __device__ bool holds(float low, float high) const {
        return is_ordinary() && __fmaf_rn(low, reciprocal, magic) >= whole_places - 128.0F &&
               __fmaf_rn(high, reciprocal, magic) <= whole_places + 127.0F;
    }
    /// Eight codes with an ordinary scale, of values that it holds or, with `clamps`, of any finite ones: those beyond
    /// the codes are brought to a quarter of a step past the last, which is its code. The product with the reciprocal
    /// is off by less than 5e-5 steps and rounds alike wherever it is not that near to a half; where one of the eight
    /// is, all become quotients. (A sum with `magic` alone would send halves to even codes, not to even numbers of
    /// steps.)
    template <bool clamps, ValueType type>
    __device__ __forceinline__ uint2 of(const Eight<type>& eight) const {
        float farthest = 0.0F;
        float x[8], shifted[8];
#pragma unroll
        for (int i = 0; i < 8; ++i) {
            x[i] = eight[i];
            if constexpr (clamps) x[i] = fminf(fmaxf(x[i], (block.low - 0.25F) * scale), (block.high + 0.25F) * scale);
            shifted[i] = __fmaf_rn(x[i], reciprocal, magic);
            farthest = fmaxf(farthest, fabsf(__fmaf_rn(x[i], reciprocal, magic - shifted[i])));
        }
        if (farthest >= 0.4999F) {
#pragma unroll
            for (int i = 0; i < 8; ++i) shifted[i] = rintf(clamp_to(quotient(x[i]), block.low, block.high)) + magic;
        }
        return packed(shifted);
    }
    /// Eight codes of values of which nothing is known.
    template <ValueType type>
    __device__ __forceinline__ uint2 of_any(const Eight<type>& x) const {
        Extremes<type> extremes;
        extremes.take(x);
        const bool finite = is_finite(extremes.low()) && is_finite(extremes.high());
        return finite && is_ordinary() ? of<true>(x) : by_division(x);
    }
    /// Eight codes of any values, NaN included.
    template <ValueType type>
    __device__ __forceinline__ uint2 by_division(const Eight<type>& x) const {
        float shifted[8];
#pragma unroll
        for (int i = 0; i < 8; ++i) shifted[i] = rintf(clamp_to(in_steps(x[i], scale), block.low, block.high)) + magic;
        return packed(shifted);
    }

private:
    /// x / scale, rounded once: a second remainder, times the reciprocal rounded once, corrects a quotient that the
    /// first has brought within one place (Markstein, 1990).
    __device__ __forceinline__ float quotient(float x) const {
        float q = x * reciprocal;
#pragma unroll
        for (int i = 0; i < 2; ++i) q = __fmaf_rn(__fmaf_rn(-q, scale, x), reciprocal, q);
        return q;
    }
    __device__ __forceinline__ static uint2 packed(const float (&shifted)[8]) {
        std::uint32_t bits[8];
#pragma unroll
        for (int i = 0; i < 8; ++i) bits[i] = __float_as_uint(shifted[i]);
        return {low_bytes(bits[0], bits[1], bits[2], bits[3]), low_bytes(bits[4], bits[5], bits[6], bits[7])};
    }
};

/// place_in_layout of a token's eights, with what is the same for all of them found once.
struct RowPlace {
    std::int8_t* row;
    std::int64_t tile_bytes; ///< from one tile of 128 inputs to the next; 0: plain
    std::uint32_t turned;    ///< by how much a token's pieces are turned in the layout

    __device__ RowPlace(const QuantizeArguments& a, std::int32_t token)
        : row(a.out.values + place_in_layout(a.layout, a.tokens, a.columns, token, 0))
        , tile_bytes(a.layout == InputLayout::tiles ? (a.tokens + 7LL) / 8 * 8 * 128 : 0)
        , turned(static_cast<std::uint32_t>(token) % 8) {}
    __device__ __forceinline__ std::int8_t* of_eight(std::int32_t v) const {
        if (tile_bytes == 0) return row + 8 * v;
        const auto u = static_cast<std::uint32_t>(v);
        return row + (u / 16) * tile_bytes +
               static_cast<std::int32_t>(((u / 2 % 8 ^ turned) - turned) * 16 + u % 2 * 8);
    }
};

/// What warps tell each other, one of each.
struct RowShared {
    std::uint32_t lows[32], highs[32];
    std::int32_t sums[32];
};

/// One token by one thread block of `warps` warps. `visit` calls what it is given with each of the thread's eights and
/// its place in the row, the same ones every time; `visit_again` likewise, with less code, if slower: for tokens with a
/// NaN or an infinity, for scales that are not ordinary, and as the only visit where the scale is fixed.
template <ValueType type, class Visit, class VisitAgain>
__device__ __forceinline__ void quantize_row(const QuantizeArguments& a, std::int32_t token, int warps,
                                             RowShared& shared, const Visit& visit, const VisitAgain& visit_again) {
    const auto warp = static_cast<int>(threadIdx.x / 32), lane = static_cast<int>(threadIdx.x % 32);
    const std::int32_t padded = padded_columns(a);
    float scale, zero = 128.0F, low = 0.0F, high = 0.0F;
    bool finite = false;
    if (a.fixed_scale == nullptr) {
        Extremes<type> mine;
        visit([&](const Eight<type>& eight, std::int32_t) { mine.take(eight); });
        low = mine.low();
        high = mine.high();
        finite = is_finite(low) && is_finite(high);
        if (!finite) {
            low = high = 0.0F;
            visit_again([&](const Eight<type>& eight, std::int32_t) { widen(eight, low, high); });
        }
        // Magnitudes are in the order of their bits.
        const std::uint32_t lowest = __reduce_max_sync(0xFFFFFFFFU, __float_as_uint(fabsf(low)));
        const std::uint32_t highest = __reduce_max_sync(0xFFFFFFFFU, __float_as_uint(high));
        if (lane == 0) {
            shared.lows[warp] = lowest;
            shared.highs[warp] = highest;
        }
        __syncthreads();
        low = 0.0F - __uint_as_float(__reduce_max_sync(0xFFFFFFFFU, lane < warps ? shared.lows[lane] : 0U));
        high = __uint_as_float(__reduce_max_sync(0xFFFFFFFFU, lane < warps ? shared.highs[lane] : 0U));
        const ScaleAndZero found = scale_of_range(low, high, a.points, a.options, 1.0F);
        scale = found.scale;
        zero = found.zero;
    } else {
        scale = *a.fixed_scale;
        if (a.fixed_zero != nullptr) zero = *a.fixed_zero;
    }

    const RowCodes codes_of(a.points, scale, zero);
    const RowPlace place(a, token);
    std::int32_t sum = 0;
    const auto keep = [&](uint2 codes, std::int32_t v) {
        if (8 * v + 8 > a.columns) { // codes past the end are 0
            const std::int32_t left = max(0, a.columns - 8 * v);
            codes.x &= left >= 4 ? 0xFFFFFFFFU : (1U << (8 * left)) - 1U;
            codes.y &= left <= 4 ? 0U : (1U << (8 * (left - 4))) - 1U;
        }
        sum = __dp4a(static_cast<int>(codes.x), 0x01010101, sum);
        sum = __dp4a(static_cast<int>(codes.y), 0x01010101, sum);
        std::int8_t* to = place.of_eight(v);
        if (a.wide_stores) {
            *reinterpret_cast<uint2*>(to) = codes;
        } else {
            for (int i = 0; i < 8 && 8 * v + i < padded; ++i)
                to[i] = static_cast<std::int8_t>((i < 4 ? codes.x : codes.y) >> (8 * (i % 4)));
        }
    };
    if (finite && codes_of.holds(low, high)) {
        visit([&](const Eight<type>& eight, std::int32_t v) {
            if (8 * v < padded) keep(codes_of.template of<false>(eight), v);
        });
    } else if (finite && codes_of.is_ordinary()) { // a clip ratio below 1
        visit([&](const Eight<type>& eight, std::int32_t v) {
            if (8 * v < padded) keep(codes_of.template of<true>(eight), v);
        });
    } else {
        visit_again([&](const Eight<type>& eight, std::int32_t v) {
            if (8 * v < padded) keep(codes_of.of_any(eight), v);
        });
    }
    sum = __reduce_add_sync(0xFFFFFFFFU, sum);
    if (lane == 0) shared.sums[warp] = sum;
    __syncthreads();
    if (warp == 0) sum = __reduce_add_sync(0xFFFFFFFFU, lane < warps ? shared.sums[lane] : 0);
    if (threadIdx.x == 0) {
        a.out.scale[token] = scale;
        if (a.out.zero != nullptr) a.out.zero[token] = zero - 128.0F;
        a.out.row_sum[token] = sum;
    }
}

} // namespace graticule::cuda
