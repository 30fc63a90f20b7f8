// What the files of kernels/cuda/gemm offer each other: host functions only.
#pragma once

#include <cuda_runtime.h>

#include "kernels/api/gemm.h"
#include "kernels/cuda/gemm/packed_weight.h"

namespace graticule::cuda {

struct ProductArguments;

/// One instantiation per kind of weight, one file each (compile time).
using WgmmaLaunch = void (*)(const ProductArguments& arguments, int tile_tokens, int blocks, cudaStream_t stream);
void wgmma_int4_channel(const ProductArguments& arguments, int tile_tokens, int blocks, cudaStream_t stream);
void wgmma_int4_dual128(const ProductArguments& arguments, int tile_tokens, int blocks, cudaStream_t stream);
void wgmma_int4_dual64(const ProductArguments& arguments, int tile_tokens, int blocks, cudaStream_t stream);
void wgmma_int4_group128(const ProductArguments& arguments, int tile_tokens, int blocks, cudaStream_t stream);
void wgmma_int4_group64(const ProductArguments& arguments, int tile_tokens, int blocks, cudaStream_t stream);
void wgmma_dint4_channel(const ProductArguments& arguments, int tile_tokens, int blocks, cudaStream_t stream);
void wgmma_dint4_dual128(const ProductArguments& arguments, int tile_tokens, int blocks, cudaStream_t stream);
void wgmma_dint4_group128(const ProductArguments& arguments, int tile_tokens, int blocks, cudaStream_t stream);
void wgmma_int8_channel(const ProductArguments& arguments, int tile_tokens, int blocks, cudaStream_t stream);

struct MmaArguments;

/// Those of mma_product.cuh, one per format of weights.
using MmaLaunch = void (*)(const MmaArguments& arguments, GemmGrain grain, int tile_tokens, int blocks,
                           cudaStream_t stream);
void mma_int4(const MmaArguments& arguments, GemmGrain grain, int tile_tokens, int blocks, cudaStream_t stream);
void mma_dint4(const MmaArguments& arguments, GemmGrain grain, int tile_tokens, int blocks, cudaStream_t stream);
void mma_int8(const MmaArguments& arguments, GemmGrain grain, int tile_tokens, int blocks, cudaStream_t stream);

/// Weight-only products (weight_only_product.cuh), one file per type of inputs.
struct WeightOnlyArguments;
void weight_only_bf16(const WeightOnlyArguments& arguments, bool groups, int tile_tokens, int blocks,
                      cudaStream_t stream);
void weight_only_f16(const WeightOnlyArguments& arguments, bool groups, int tile_tokens, int blocks,
                     cudaStream_t stream);

/// GemmRow::packed_bytes and GemmRow::pack of the rows whose weights lie as packed_weight.h says.
std::size_t packed_weight_bytes(const GemmProblem& problem);
void pack_weight(const GemmProblem& problem, const GemmWeights& weights, void* packed, Stream stream);
/// The same without checks.
void pack_weight(const GemmProblem& problem, const GemmWeights& weights, void* packed, cudaStream_t stream);

struct QuantizeArguments;
/// A source that is not plain; make_input.cu.
void make_input(const QuantizeArguments& quantize, const InputSource& source, cudaStream_t stream);
void quantize_input(const InputSource& source, const InputRounding& rounding, InputLayout layout,
                    const QuantizedInput& out, Stream stream);
void dequantize_packed(const PackedMatrix& codes, BlockLayout layout, const CodeGrid& grid, const float* scale,
                       const float* zero, ValueType type, void* values, Stream stream);
void scale_product(const ProductScales& scales, ValueType type, void* y, std::int64_t rows, std::int64_t columns,
                   Stream stream);

extern const GemmRow wgmma_gemm;            ///< wgmma_row.cu
extern const GemmRow mma_gemm;              ///< mma_row.cu
extern const WeightOnlyRow weight_only_mma; ///< weight_only_row.cu

/// What the module exports.
[[nodiscard]] const GemmTable& gemms();

} // namespace graticule::cuda
