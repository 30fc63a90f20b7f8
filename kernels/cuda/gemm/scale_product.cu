// y = (y * row_scale) * column_scale + bias, in place: one read and one write.             (rows, columns)
//
// What a product of integer-valued operands in 16 bits still lacks. A thread takes 16 bytes of a row; rows that do not
// divide so go element by element. Compiled without contraction: the steps round as on the CPU.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "kernels/cuda/device/check.h"
#include "kernels/cuda/gemm/products.h"

namespace graticule::cuda {
namespace {

constexpr int threads = 256;

__device__ float to_float(float x) { return x; }
__device__ float to_float(__nv_bfloat16 x) { return __bfloat162float(x); }
__device__ float to_float(__half x) { return __half2float(x); }
__device__ void store(float& to, float x) { to = x; }
__device__ void store(__nv_bfloat16& to, float x) { to = __float2bfloat16_rn(x); }
__device__ void store(__half& to, float x) { to = __float2half_rn(x); }

template <class Value, int width>
struct __align__(sizeof(Value) * width) Values {
    Value at[width];
};

template <class Value, int width>
__global__ void __launch_bounds__(threads)
    scale_values(ProductScales scales, Value* y, std::int64_t rows, std::int64_t columns) {
    const std::int64_t pieces = columns / width;
    const std::int64_t piece = static_cast<std::int64_t>(blockIdx.x) * threads + threadIdx.x;
    if (piece >= rows * pieces) return;
    const std::int64_t row = piece / pieces, first = piece % pieces * width;
    auto& place = *reinterpret_cast<Values<Value, width>*>(y + row * columns + first);
    Values<Value, width> values = place;
    const float of_row = scales.row != nullptr ? scales.row[row] : 1.0F; // times 1 changes nothing
#pragma unroll
    for (int i = 0; i < width; ++i) {
        float value = to_float(values.at[i]) * of_row;
        if (scales.column != nullptr) value *= scales.column[first + i];
        if (scales.bias != nullptr) value += scales.bias[first + i];
        store(values.at[i], value);
    }
    place = values;
}

template <class Value>
void launch(const ProductScales& scales, void* y, std::int64_t rows, std::int64_t columns, cudaStream_t stream) {
    constexpr int width = 16 / sizeof(Value);
    const bool wide = columns % width == 0 && reinterpret_cast<std::uintptr_t>(y) % 16 == 0;
    const std::int64_t pieces = rows * (wide ? columns / width : columns);
    const auto blocks = static_cast<unsigned>((pieces + threads - 1) / threads);
    if (wide)
        scale_values<Value, width><<<blocks, threads, 0, stream>>>(scales, static_cast<Value*>(y), rows, columns);
    else
        scale_values<Value, 1><<<blocks, threads, 0, stream>>>(scales, static_cast<Value*>(y), rows, columns);
    GRATICULE_CUDA_CHECK(cudaGetLastError());
}

} // namespace

void scale_product(const ProductScales& scales, ValueType type, void* y, std::int64_t rows, std::int64_t columns,
                   Stream stream) {
    check_scale_product(type, y, rows, columns);
    if (rows == 0) return;
    const auto queue = static_cast<cudaStream_t>(stream.handle);
    if (type == ValueType::f32)
        launch<float>(scales, y, rows, columns, queue);
    else if (type == ValueType::bf16)
        launch<__nv_bfloat16>(scales, y, rows, columns, queue);
    else
        launch<__half>(scales, y, rows, columns, queue);
}

} // namespace graticule::cuda
