// The fast Walsh-Hadamard transform of consecutive values, one read and one write.   (rows, columns) -> (rows, columns)
//
//   8 values per lane: pairs 1, 2, 4 apart within it | pairs 8, 16 ... 128 apart by shuffles | times 1 / sqrt(block)
//
// A lane's values come and go in pieces of 16 bytes where rows begin on 16 bytes; single floats elsewhere. A block of
// 256 is a warp's, smaller ones share it: of blocks of 64 a warp has four. Rounds come in the order of the CPU's, so
// the sums are the same bits.
#include <algorithm>

#include "kernels/api/hadamard.h"
#include "kernels/cuda/device/check.h"
#include "kernels/cuda/ops.h"

namespace graticule::cuda {
namespace {

constexpr int threads = 256;
constexpr int values_per_lane = 8;

/// Whether every row of a matrix begins on 16 bytes.
template <class T>
bool in_sixteens(MatrixView<T> matrix) {
    return reinterpret_cast<std::uintptr_t>(matrix.data) % 16 == 0 && matrix.row_stride % 4 == 0;
}

/// `Values`: of a lane, min(8, block). `wide`: rows of both matrices begin on 16 bytes.
template <int Values>
__global__ void __launch_bounds__(threads)
    transform(const float* in, std::int64_t in_stride, float* out, std::int64_t out_stride, std::int64_t columns,
              std::int64_t lanes, int block, float norm, bool wide) {
    const std::int64_t lane = static_cast<std::int64_t>(blockIdx.x) * threads + threadIdx.x;
    const bool there = lane < lanes; // all lanes of a warp take part in its shuffles
    const std::int64_t lanes_per_row = columns / Values;
    const std::int64_t row = there ? lane / lanes_per_row : 0;
    const std::int64_t column = there ? (lane - row * lanes_per_row) * Values : 0;
    const float* source = in + row * in_stride + column;
    float x[Values];
    if (Values % 4 == 0 && wide) {
#pragma unroll
        for (int i = 0; i + 4 <= Values; i += 4) {
            const float4 four = there ? *reinterpret_cast<const float4*>(source + i) : float4{0, 0, 0, 0};
            x[i] = four.x;
            x[i + 1] = four.y;
            x[i + 2] = four.z;
            x[i + 3] = four.w;
        }
    } else {
#pragma unroll
        for (int i = 0; i < Values; ++i) x[i] = there ? source[i] : 0.0F;
    }
#pragma unroll
    for (int half = 1; half < Values; half *= 2)
#pragma unroll
        for (int i = 0; i < Values; ++i)
            if ((i & half) == 0) {
                const float low = x[i], high = x[i + half];
                x[i] = low + high;
                x[i + half] = low - high;
            }
    for (int apart = 1; apart * Values < block; apart *= 2) {
        const bool upper = (threadIdx.x & static_cast<unsigned>(apart)) != 0;
#pragma unroll
        for (int i = 0; i < Values; ++i) {
            const float other = __shfl_xor_sync(0xFFFFFFFFU, x[i], apart);
            x[i] = upper ? other - x[i] : x[i] + other;
        }
    }
    if (!there) return;
    float* target = out + row * out_stride + column;
    if (Values % 4 == 0 && wide) {
#pragma unroll
        for (int i = 0; i + 4 <= Values; i += 4)
            *reinterpret_cast<float4*>(target + i) =
                make_float4(x[i] * norm, x[i + 1] * norm, x[i + 2] * norm, x[i + 3] * norm);
    } else {
#pragma unroll
        for (int i = 0; i < Values; ++i) target[i] = x[i] * norm;
    }
}

template <int Values>
void launch(MatrixView<const float> values, std::int64_t block, MatrixView<float> out, cudaStream_t stream) {
    const std::int64_t lanes = values.rows * (values.columns / Values);
    const auto ctas = static_cast<unsigned>((lanes + threads - 1) / threads);
    transform<Values><<<ctas, threads, 0, stream>>>(values.data, values.row_stride, out.data, out.row_stride,
                                                    values.columns, lanes, static_cast<int>(block),
                                                    hadamard_norm(block), in_sixteens(values) && in_sixteens(out));
    GRATICULE_CUDA_CHECK(cudaGetLastError());
}

} // namespace

void hadamard(MatrixView<const float> values, std::int64_t block, MatrixView<float> out, cudaStream_t stream) {
    switch (std::min<std::int64_t>(block, values_per_lane)) {
    case 1:
        return launch<1>(values, block, out, stream);
    case 2:
        return launch<2>(values, block, out, stream);
    case 4:
        return launch<4>(values, block, out, stream);
    default:
        return launch<8>(values, block, out, stream);
    }
}

} // namespace graticule::cuda
