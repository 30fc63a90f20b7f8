// Inputs of an integer product that are made of other values in the read that quantizes them: a norm's (float32 hidden
// states in, 4 bytes per value instead of 4 + 2 + 2), SiLU times up, the block Hadamard transform of either or of
// values as they are. Steps and their order are those of input_fronts.h and hadamard.cu, so that codes are the CPU's.
//
// **Formula.** rms norm: x (1 / sqrt(mean(x^2) + epsilon)) weight; layer norm: (x - mean) (1 / sqrt(variance +
// epsilon)) weight + bias; silu(x) up. Each result is rounded to `through`; then H x / sqrt(block) of every block,
// rounded again; then the codes of quantize_input.cu.
//
// **Parallel split.** One thread block per token, as in quantize_input.cu; the token stays in registers, eight
// neighbours at a time, from its front to its codes. A Hadamard block of up to 256 values is a warp's, so its rounds
// are in registers and shuffles:
//
// clang-format off
//     lane        0         1         2         3                   31
//     values   0 ... 7   8 ... 15  16 ... 23  24 ... 31    ...  248 ... 255
//     rounds   1, 2, 4 apart: within a lane;  8, 16, ... 128 apart: lanes 1, 2, ... 16 apart
// clang-format on
//
// **Limits.** Up to 28,672 inputs (most_made_inputs), of which 1,024 threads keep four eights each; blocks of powers
// of two up to 256 that divide them; a norm's values are float32.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "kernels/api/hadamard.h"
#include "kernels/api/input_fronts.h"
#include "kernels/cuda/gemm/quantize_row.cuh"

namespace graticule::cuda {
namespace {

struct MakeArguments {
    QuantizeArguments quantize;
    Rows values, up;
    Rows weight, bias; ///< one row each; bias may be null
    float epsilon, norm;
    std::int32_t hadamard;
    ValueType through;
};

__device__ __forceinline__ float rounded_to(ValueType type, float value) {
    if (type == ValueType::bf16) return __bfloat162float(__float2bfloat16_rn(value));
    if (type == ValueType::f16) return __half2float(__float2half_rn(value));
    return value;
}

/// A thread's share of a token: eight neighbours from 8 (i threads + thread), i below `kept`.
template <int kept, int threads>
struct Share {
    float x[kept][8];
    std::int32_t thread, columns;

    __device__ __forceinline__ bool there(int i, int j) const { return 8 * (i * threads + thread) + j < columns; }
    template <class Change>
    __device__ __forceinline__ void each(const Change& change) {
#pragma unroll
        for (int i = 0; i < kept; ++i)
#pragma unroll
            for (int j = 0; j < 8; ++j) x[i][j] = change(x[i][j]);
    }
    /// The sum over the token of part_of(x), in every thread.
    template <class Part>
    __device__ __forceinline__ float sum(float* shared, const Part& part_of) const {
        float lane = 0;
#pragma unroll
        for (int i = 0; i < kept; ++i) {
            float eight[8];
#pragma unroll
            for (int j = 0; j < 8; ++j) eight[j] = there(i, j) ? part_of(x[i][j]) : 0.0F;
            lane += sum_of_eight(eight);
        }
        return join_all<threads / 32>(lane, shared, [](float a, float b) { return a + b; });
    }
    /// x = change(x, the same column of a row of floats)
    template <class Change>
    __device__ __forceinline__ void with(const Rows& row, const Change& change) {
#pragma unroll
        for (int i = 0; i < kept; ++i) {
            const auto eight = load_eight<ValueType::f32>(row.data, i * threads + thread, columns, row.wide);
#pragma unroll
            for (int j = 0; j < 8; ++j) x[i][j] = change(x[i][j], eight[j]);
        }
    }
    __device__ __forceinline__ void transform(int block, float norm) {
#pragma unroll
        for (int i = 0; i < kept; ++i) {
#pragma unroll
            for (int half = 1; half < 8; half *= 2) {
                if (half >= block) break;
#pragma unroll
                for (int j = 0; j < 8; ++j)
                    if ((j & half) == 0) {
                        const float low = x[i][j], high = x[i][j + half];
                        x[i][j] = low + high;
                        x[i][j + half] = low - high;
                    }
            }
            for (int apart = 1; apart * 8 < block; apart *= 2) {
                const bool upper = (thread & apart) != 0;
#pragma unroll
                for (int j = 0; j < 8; ++j) {
                    const float other = __shfl_xor_sync(0xFFFFFFFFU, x[i][j], apart);
                    x[i][j] = upper ? other - x[i][j] : x[i][j] + other;
                }
            }
#pragma unroll
            for (int j = 0; j < 8; ++j) x[i][j] *= norm;
        }
    }
};

template <ValueType type, InputFront front, int kept, int threads>
__global__ void __launch_bounds__(threads, 1024 / threads) make_rows(const __grid_constant__ MakeArguments a) {
    __shared__ RowShared shared;
    __shared__ float means[threads / 32], squares[threads / 32];
#if __CUDA_ARCH__ >= 900
    launch_dependents();
    wait_for_predecessor();
#endif
    const auto token = static_cast<std::int32_t>(blockIdx.x), thread = static_cast<std::int32_t>(threadIdx.x);
    const std::int32_t columns = a.quantize.columns;
    Share<kept, threads> share;
    share.thread = thread;
    share.columns = columns;
#pragma unroll
    for (int i = 0; i < kept; ++i) {
        const Eight<type> eight =
            load_eight<type>(a.values.data + token * a.values.row_bytes, i * threads + thread, columns, a.values.wide);
#pragma unroll
        for (int j = 0; j < 8; ++j) share.x[i][j] = eight[j];
    }
    const auto n = static_cast<float>(columns);
    if constexpr (front == InputFront::rms_norm) {
        const float r = 1.0F / sqrtf(share.sum(squares, [](float x) { return x * x; }) / n + a.epsilon);
        share.with(a.weight, [r](float x, float weight) { return (x * r) * weight; });
    } else if constexpr (front == InputFront::layer_norm) {
        const float mean = share.sum(means, [](float x) { return x; }) / n;
        const float variance = share.sum(squares, [mean](float x) { return (x - mean) * (x - mean); }) / n;
        const float r = 1.0F / sqrtf(variance + a.epsilon);
        share.with(a.weight, [mean, r](float x, float weight) { return ((x - mean) * r) * weight; });
        if (a.bias.data != nullptr) share.with(a.bias, [](float x, float bias) { return x + bias; });
    } else if constexpr (front == InputFront::silu_product) {
#pragma unroll
        for (int i = 0; i < kept; ++i) {
            const Eight<type> up =
                load_eight<type>(a.up.data + token * a.up.row_bytes, i * threads + thread, columns, a.up.wide);
#pragma unroll
            for (int j = 0; j < 8; ++j) share.x[i][j] = rounded_to(type, silu_of(share.x[i][j])) * up[j];
        }
    }
    if constexpr (front != InputFront::none) share.each([&a](float x) { return rounded_to(a.through, x); });
    if (a.hadamard > 1) {
        share.transform(a.hadamard, a.norm);
        share.each([&a](float x) { return rounded_to(a.through, x); });
    }
    Eight<ValueType::f32> mine[kept];
#pragma unroll
    for (int i = 0; i < kept; ++i)
#pragma unroll
        for (int j = 0; j < 8; ++j) mine[i].put(j, share.x[i][j]);
    const auto visit = [&](const auto& use) {
#pragma unroll
        for (int i = 0; i < kept; ++i) use(mine[i], i * threads + thread);
    };
    quantize_row<ValueType::f32>(a.quantize, token, threads / 32, shared, visit, visit);
}

template <ValueType type, InputFront front>
void launch_for_length(const MakeArguments& a, cudaStream_t stream) {
    const std::int32_t columns = (a.quantize.columns + 127) / 128 * 128, tokens = a.quantize.tokens;
    static_assert(sum_lanes(4096) == 256 && sum_lanes(12288) == 512 && sum_lanes(most_made_inputs) == 1024);
    if (columns <= 2048) return launch_overlapped(make_rows<type, front, 1, 256>, a, tokens, 256, 0, stream);
    if (columns <= 4096) return launch_overlapped(make_rows<type, front, 2, 256>, a, tokens, 256, 0, stream);
    if (columns <= 8192) return launch_overlapped(make_rows<type, front, 2, 512>, a, tokens, 512, 0, stream);
    if (columns <= 12288) return launch_overlapped(make_rows<type, front, 3, 512>, a, tokens, 512, 0, stream);
    if (columns <= 16384) return launch_overlapped(make_rows<type, front, 2, 1024>, a, tokens, 1024, 0, stream);
    launch_overlapped(make_rows<type, front, 4, 1024>, a, tokens, 1024, 0, stream);
}

template <InputFront front>
void launch_for_type(ValueType type, const MakeArguments& a, cudaStream_t stream) {
    if (type == ValueType::f32)
        launch_for_length<ValueType::f32, front>(a, stream);
    else if (type == ValueType::bf16)
        launch_for_length<ValueType::bf16, front>(a, stream);
    else
        launch_for_length<ValueType::f16, front>(a, stream);
}

} // namespace

void make_input(const QuantizeArguments& quantize, const InputSource& source, cudaStream_t stream) {
    const std::int64_t columns = source.values.columns;
    const auto row_of = [&](const float* row) { return Rows({row, ValueType::f32, 1, columns, columns / 4 * 4}); };
    const MakeArguments a{quantize,
                          Rows(source.values),
                          Rows(source.up),
                          row_of(source.weight),
                          row_of(source.bias),
                          source.epsilon,
                          hadamard_norm(source.hadamard),
                          static_cast<std::int32_t>(source.hadamard),
                          source.through};
    switch (source.front) {
    case InputFront::none:
        return launch_for_type<InputFront::none>(source.values.type, a, stream);
    case InputFront::rms_norm:
        return launch_for_length<ValueType::f32, InputFront::rms_norm>(a, stream);
    case InputFront::layer_norm:
        return launch_for_length<ValueType::f32, InputFront::layer_norm>(a, stream);
    case InputFront::silu_product:
        return launch_for_type<InputFront::silu_product>(source.values.type, a, stream);
    }
}

} // namespace graticule::cuda
