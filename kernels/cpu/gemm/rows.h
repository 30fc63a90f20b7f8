// The CPU's products, one file each; all_rows.cpp lists them.
#pragma once

#include "kernels/api/gemm.h"

namespace graticule::cpu {

#if defined(__x86_64__) && defined(__GNUC__)
extern const GemmRow avx512_gemm; ///< avx512_vnni.cpp
extern const GemmRow avx2_gemm;   ///< avx2.cpp
#endif
extern const GemmRow reference_gemm;              ///< takes every problem; the definition
extern const WeightOnlyRow weight_only_reference; ///< weight_only.cpp

void quantize_input(const InputSource& source, const InputRounding& rounding, InputLayout layout,
                    const QuantizedInput& out, Stream stream);
void dequantize_packed(const PackedMatrix& codes, BlockLayout layout, const CodeGrid& grid, const float* scale,
                       const float* zero, ValueType type, void* values, Stream stream);
void scale_product(const ProductScales& scales, ValueType type, void* y, std::int64_t rows, std::int64_t columns,
                   Stream stream);

} // namespace graticule::cpu
