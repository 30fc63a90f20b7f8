// The CPU's integer products, one file each; all_rows.cpp lists them.
#pragma once

#include "kernels/api/gemm.h"

namespace graticule::cpu {

extern const GemmRow reference_gemm; ///< takes every problem; the definition

void quantize_input(const ValueMatrix& values, const InputRounding& rounding, InputLayout layout,
                    const QuantizedInput& out, Stream stream);

} // namespace graticule::cpu
