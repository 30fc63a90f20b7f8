// Inputs of an integer product in one read: extremes of a token, its scale, int8 codes and their sum.
//
// One thread block per token. Each thread keeps its share of the token in registers, eight neighbouring values (16 or
// 32 bytes) at a time, from the search for the extremes until the codes are stored, so that memory is read once (2
// bytes per value from bf16) and written once (1 byte). A token too long for that is read twice, the second time from
// the cache. The arithmetic is that of grid_points.h and scale_rule.h, division included, compiled without
// contraction: the codes are those of the CPU.
//
// Layouts are those of gemm.h; eight values are half of a 16-byte piece in both.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <limits>
#include <string>

#include "kernels/api/kernel_error.h"
#include "kernels/api/scale_rule.h"
#include "kernels/cuda/device/check.h"
#include "kernels/cuda/gemm/card.h"
#include "kernels/cuda/gemm/products.h"

namespace graticule::cuda {
namespace {

struct QuantizeArguments {
    const void* values;
    std::int64_t row_stride;
    std::int32_t tokens, columns;
    bool wide_loads;  ///< rows allow 16-byte loads
    bool wide_stores; ///< rows of the output allow 8-byte stores
    InputLayout layout;
    ScaleOptions options;
    const float* fixed_scale;
    const float* fixed_zero;
    QuantizedInput out;
    GridPoints points;
};

template <ValueType type>
struct Eight; ///< eight neighbouring values as memory holds them
template <>
struct Eight<ValueType::f32> {
    float4 words[2];
    __device__ float operator[](int i) const { return reinterpret_cast<const float*>(words)[i]; }
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

/// Columns 8 v ... 8 v + 7 of a row; zeros past its end.
template <ValueType type>
__device__ Eight<type> load_eight(const QuantizeArguments& a, const void* row, std::int32_t v) {
    using Word = std::remove_reference_t<decltype(Eight<type>{}.words[0])>;
    constexpr int words = sizeof(Eight<type>) / 16;
    Eight<type> eight{};
    if (a.wide_loads && 8 * v + 8 <= a.columns) {
#pragma unroll
        for (int i = 0; i < words; ++i) eight.words[i] = static_cast<const Word*>(row)[words * v + i];
    } else {
#pragma unroll
        for (int i = 0; i < 8; ++i)
            if (8 * v + i < a.columns) eight.set(i, row, 8 * v + i);
    }
    return eight;
}

template <ValueType type>
__device__ void widen(const Eight<type>& eight, float& low, float& high) {
#pragma unroll
    for (int i = 0; i < 8; ++i) {
        const float value = is_finite(eight[i]) ? eight[i] : 0.0F;
        low = value < low ? value : low;
        high = value > high ? value : high;
    }
}

/// `shared` holds a value per warp; every thread gets the same result.
template <int warps, class T, class Join>
__device__ T join_all(T value, T* shared, Join join) {
#pragma unroll
    for (int step = 16; step > 0; step /= 2) value = join(value, __shfl_xor_sync(0xFFFFFFFFU, value, step));
    if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = value;
    __syncthreads();
    value = shared[0];
#pragma unroll
    for (int warp = 1; warp < warps; ++warp) value = join(value, shared[warp]);
    return value;
}

/// Eight codes of quantize, less 128: of x / scale, rounded once. The product with the reciprocal is off by less than
/// 5e-5 steps among the codes there are, so it rounds alike wherever it is not that near to a half; where one of the
/// eight is (or is NaN), all are divided.
template <ValueType type>
__device__ __forceinline__ void eight_codes(const GridPoints& points, const BlockPoint& block, const Eight<type>& x,
                                            float scale, float reciprocal, std::int32_t (&codes)[8]) {
    bool clear = true;
#pragma unroll
    for (int i = 0; i < 8; ++i) {
        const float steps = clamp_to(x[i] * reciprocal, block.low, block.high);
        const float rounded = round_half_even(steps);
        clear &= magnitude_of(steps - rounded) < 0.4999F; // not of NaN
        codes[i] = static_cast<std::int32_t>(rounded + block.zero) - 128;
    }
    if (clear) return;
#pragma unroll
    for (int i = 0; i < 8; ++i)
        codes[i] = nearest_lattice_point<GridKind::lattice>(points, block, in_steps(x[i], scale)).code - 128;
}

/// `kept`: groups of eight a thread keeps; 0: none, the row is read twice.
template <ValueType type, int kept, int threads>
__global__ void __launch_bounds__(threads) quantize_rows(const __grid_constant__ QuantizeArguments a) {
    constexpr int warps = threads / 32;
    __shared__ float lows[warps], highs[warps];
    __shared__ std::int32_t sums[warps];
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents;");
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
    constexpr std::int64_t value_bytes = type == ValueType::f32 ? 4 : 2;
    const auto token = static_cast<std::int32_t>(blockIdx.x);
    const void* row = static_cast<const std::uint8_t*>(a.values) + token * a.row_stride * value_bytes;
    const std::int32_t padded = a.layout == InputLayout::tiles ? (a.columns + 127) / 128 * 128 : a.columns;
    const std::int32_t eights = (padded + 7) / 8;
    const auto thread = static_cast<std::int32_t>(threadIdx.x);

    Eight<type> mine[kept > 0 ? kept : 1];
    float low = 0.0F, high = 0.0F;
    if constexpr (kept > 0) {
#pragma unroll
        for (int i = 0; i < kept; ++i)
            mine[i] = i * threads + thread < eights ? load_eight<type>(a, row, i * threads + thread) : Eight<type>{};
    }
    float scale, zero = 128.0F;
    if (a.fixed_scale == nullptr) {
        if constexpr (kept > 0) {
#pragma unroll
            for (int i = 0; i < kept; ++i) widen(mine[i], low, high);
        } else {
            for (std::int32_t v = thread; v < eights; v += threads) widen(load_eight<type>(a, row, v), low, high);
        }
        low = join_all<warps>(low, lows, [](float x, float y) { return y < x ? y : x; });
        high = join_all<warps>(high, highs, [](float x, float y) { return y > x ? y : x; });
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
    const auto store = [&](const Eight<type>& eight, std::int32_t v) {
        if (v >= eights) return;
        std::int32_t codes[8];
        eight_codes(a.points, block, eight, scale, reciprocal, codes);
        if (8 * v + 8 > a.columns) {
#pragma unroll
            for (int i = 0; i < 8; ++i) codes[i] = 8 * v + i < a.columns ? codes[i] : 0;
        }
        std::uint32_t words[2] = {0, 0};
#pragma unroll
        for (int i = 0; i < 8; ++i) {
            sum += codes[i];
            words[i / 4] |= (static_cast<std::uint32_t>(codes[i]) & 0xFFU) << (8 * (i % 4));
        }
        std::int8_t* to = a.out.values + place_in_layout(a.layout, a.tokens, a.columns, token, 8 * v);
        if (a.wide_stores) {
            *reinterpret_cast<uint2*>(to) = make_uint2(words[0], words[1]);
        } else {
            for (int i = 0; i < 8 && 8 * v + i < padded; ++i)
                to[i] = static_cast<std::int8_t>(words[i / 4] >> (8 * (i % 4)));
        }
    };
    if constexpr (kept > 0) {
#pragma unroll
        for (int i = 0; i < kept; ++i) store(mine[i], i * threads + thread);
    } else {
        for (std::int32_t v = thread; v < eights; v += threads) store(load_eight<type>(a, row, v), v);
    }
    sum = join_all<warps>(sum, sums, [](std::int32_t x, std::int32_t y) { return x + y; });
    if (thread == 0) {
        a.out.scale[token] = scale;
        if (a.out.zero != nullptr) a.out.zero[token] = zero - 128.0F;
        a.out.row_sum[token] = sum;
    }
}

template <ValueType type, int kept, int threads>
void launch(const QuantizeArguments& arguments, cudaStream_t stream) {
    cudaLaunchAttribute overlap{};
    overlap.id = cudaLaunchAttributeProgrammaticStreamSerialization;
    overlap.val.programmaticStreamSerializationAllowed = runs_on_hopper_or_newer() ? 1 : 0;
    cudaLaunchConfig_t config{};
    config.gridDim = dim3(static_cast<unsigned>(arguments.tokens));
    config.blockDim = dim3(threads);
    config.stream = stream;
    config.attrs = &overlap;
    config.numAttrs = 1;
    GRATICULE_CUDA_CHECK(cudaLaunchKernelEx(&config, quantize_rows<type, kept, threads>, arguments));
}

template <ValueType type>
void launch_for_length(const QuantizeArguments& arguments, cudaStream_t stream) {
    const std::int32_t eights = (arguments.columns + 127) / 128 * 16;
    if (eights <= 256) return launch<type, 1, 256>(arguments, stream);
    if (eights <= 512) return launch<type, 2, 256>(arguments, stream);
    if (eights <= 1024) return launch<type, 4, 256>(arguments, stream);
    if (eights <= 2048) return launch<type, 4, 512>(arguments, stream);
    if (eights <= 3584) return launch<type, 7, 512>(arguments, stream);
    launch<type, 0, 512>(arguments, stream);
}

} // namespace

void quantize_input(const ValueMatrix& values, const InputRounding& rounding, InputLayout layout,
                    const QuantizedInput& out, Stream stream) {
    check_quantize_input(values, rounding, out);
    if (values.rows == 0) return;
    if (values.rows > std::numeric_limits<std::int32_t>::max() || values.columns > (std::int64_t{1} << 30))
        throw KernelError(KernelError::Kind::invalid_argument,
                          std::to_string(values.rows) + " x " + std::to_string(values.columns) +
                              " inputs are more than one call takes; split the tokens");
    CodeGrid int8;
    int8.levels = 256;
    QuantizeArguments a{};
    a.values = values.data;
    a.row_stride = values.row_stride;
    a.tokens = static_cast<std::int32_t>(values.rows);
    a.columns = static_cast<std::int32_t>(values.columns);
    a.wide_loads =
        reinterpret_cast<std::uintptr_t>(values.data) % 16 == 0 && values.row_stride * bytes_of(values.type) % 16 == 0;
    a.wide_stores = reinterpret_cast<std::uintptr_t>(out.values) % 8 == 0 &&
                    (layout == InputLayout::tiles || values.columns % 8 == 0);
    a.layout = layout;
    a.options = rounding.options;
    a.fixed_scale = rounding.fixed_scale;
    a.fixed_zero = rounding.fixed_zero;
    a.out = out;
    a.points = prepare_grid(int8);
    const auto queue = static_cast<cudaStream_t>(stream.handle);
    if (values.type == ValueType::f32)
        launch_for_length<ValueType::f32>(a, queue);
    else if (values.type == ValueType::bf16)
        launch_for_length<ValueType::bf16>(a, queue);
    else
        launch_for_length<ValueType::f16>(a, queue);
}

} // namespace graticule::cuda
