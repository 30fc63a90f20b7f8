// Weights in the type of a product, in one read of their packed codes.               (rows, columns) -> (rows, columns)
//
// A simulated product needs its weight as bfloat16 for a moment. Unpacking to bytes, multiplying out in float32 and
// rounding moves 13 bytes per weight of 4 bits; this moves 2.5. A thread makes 16 neighbours of a row: 2 to 16 bytes of
// codes in, 32 or 64 bytes of values out, all of one block in every layout but "per column". Rows or blocks that are no
// multiple of 16 wide go element by element. The arithmetic is that of dequantize.cu, so the values are the same bits.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <algorithm>

#include "kernels/api/grid_points.h"
#include "kernels/cuda/device/check.h"
#include "kernels/cuda/gemm/products.h"

namespace graticule::cuda {
namespace {

constexpr int threads = 256;
constexpr int width = 16; ///< values of a thread

struct Arguments {
    const std::uint8_t* codes;
    std::int64_t rows, columns, row_bytes;
    const float* scale;
    const float* zero;
    std::int64_t rows_per_block, columns_per_block, across;
    void* values;
    bool wide; ///< sixteen neighbours are of one block and lie where wide loads and stores can take them
};

template <ValueType type>
struct Stored;
template <>
struct Stored<ValueType::f32> {
    using Value = float;
    static __device__ Value of(float x) { return x; }
};
template <>
struct Stored<ValueType::bf16> {
    using Value = __nv_bfloat16;
    static __device__ Value of(float x) { return __float2bfloat16_rn(x); }
};
template <>
struct Stored<ValueType::f16> {
    using Value = __half;
    static __device__ Value of(float x) { return __float2half_rn(x); }
};

/// The bytes of 16 codes.
template <int bits>
struct __align__(2 * bits) CodeBytes {
    std::uint8_t at[2 * bits];
    __device__ int code(int i) const {
        constexpr int per_byte = 8 / bits;
        return at[i / per_byte] >> (i % per_byte * bits) & ((1 << bits) - 1);
    }
};

template <class Value>
struct __align__(16) SixteenValues {
    Value at[width];
};

template <GridKind kind, ValueType type, int bits>
__global__ void __launch_bounds__(threads)
    dequantize_codes(const __grid_constant__ Arguments a, const __grid_constant__ GridPoints points) {
    using Value = typename Stored<type>::Value;
    __shared__ float table[kind == GridKind::table ? 256 : 1];
    if constexpr (kind == GridKind::table) {
        for (int i = threadIdx.x; i < 256; i += threads) table[i] = points.table[i];
        __syncthreads();
    }
    const std::int64_t pieces = (a.columns + width - 1) / width;
    const std::int64_t piece = static_cast<std::int64_t>(blockIdx.x) * threads + threadIdx.x;
    if (piece >= a.rows * pieces) return;
    const std::int64_t row = piece / pieces, column = piece % pieces * width;
    const std::int64_t first_block = row / a.rows_per_block * a.across;
    Value* out = static_cast<Value*>(a.values) + row * a.columns + column;
    if (a.wide) {
        const auto codes = *reinterpret_cast<const CodeBytes<bits>*>(a.codes + row * a.row_bytes + column * bits / 8);
        const std::int64_t block = first_block + column / a.columns_per_block;
        const float scale = a.scale[block], zero = a.zero[block];
        SixteenValues<Value> values;
#pragma unroll
        for (int i = 0; i < width; ++i)
            values.at[i] = Stored<type>::of(multiple_of_code<kind>(points, table, codes.code(i), zero) * scale);
        constexpr int words = sizeof(values) / 16;
#pragma unroll
        for (int i = 0; i < words; ++i) reinterpret_cast<uint4*>(out)[i] = reinterpret_cast<const uint4*>(&values)[i];
        return;
    }
    for (int i = 0; i < width && column + i < a.columns; ++i) {
        const std::int64_t bit = (column + i) * bits, block = first_block + (column + i) / a.columns_per_block;
        const int code = a.codes[row * a.row_bytes + bit / 8] >> (bit % 8) & ((1 << bits) - 1);
        out[i] = Stored<type>::of(multiple_of_code<kind>(points, table, code, a.zero[block]) * a.scale[block]);
    }
}

template <GridKind kind, ValueType type>
void launch_bits(int bits, unsigned blocks, const Arguments& a, const GridPoints& points, cudaStream_t stream) {
    switch (bits) {
    case 1:
        dequantize_codes<kind, type, 1><<<blocks, threads, 0, stream>>>(a, points);
        break;
    case 2:
        dequantize_codes<kind, type, 2><<<blocks, threads, 0, stream>>>(a, points);
        break;
    case 4:
        dequantize_codes<kind, type, 4><<<blocks, threads, 0, stream>>>(a, points);
        break;
    default:
        dequantize_codes<kind, type, 8><<<blocks, threads, 0, stream>>>(a, points);
    }
    GRATICULE_CUDA_CHECK(cudaGetLastError());
}

template <ValueType type>
void launch(int bits, unsigned blocks, const Arguments& a, const GridPoints& points, cudaStream_t stream) {
    for_kind(points.kind, [&]<GridKind kind>() { launch_bits<kind, type>(bits, blocks, a, points, stream); });
}

[[nodiscard]] bool aligned(const void* pointer, std::uintptr_t bytes) {
    return reinterpret_cast<std::uintptr_t>(pointer) % bytes == 0;
}

} // namespace

void dequantize_packed(const PackedMatrix& codes, BlockLayout layout, const CodeGrid& grid, const float* scale,
                       const float* zero, ValueType type, void* values, Stream stream) {
    check_dequantize_packed(codes, layout, scale, zero, type, values);
    if (codes.rows == 0) return;
    Arguments a{};
    a.codes = codes.data;
    a.rows = codes.rows;
    a.columns = codes.columns;
    a.row_bytes = codes.row_bytes();
    a.scale = scale;
    a.zero = zero;
    a.rows_per_block = layout.rows_per_block;
    a.columns_per_block = layout.columns_per_block;
    a.across = layout.blocks_across(codes.columns);
    a.values = values;
    a.wide = codes.columns % width == 0 && layout.columns_per_block % width == 0 && aligned(codes.data, 16) &&
             aligned(values, 16);
    const std::int64_t pieces = (codes.columns + width - 1) / width * codes.rows;
    const auto blocks = static_cast<unsigned>((pieces + threads - 1) / threads);
    const GridPoints points = prepare_grid(grid);
    const auto queue = static_cast<cudaStream_t>(stream.handle);
    if (type == ValueType::f32)
        launch<ValueType::f32>(codes.bits, blocks, a, points, queue);
    else if (type == ValueType::bf16)
        launch<ValueType::bf16>(codes.bits, blocks, a, points, queue);
    else
        launch<ValueType::f16>(codes.bits, blocks, a, points, queue);
}

} // namespace graticule::cuda
