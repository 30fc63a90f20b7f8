// The products of this module, the fastest first.
#include <array>

#include "kernels/cuda/gemm/products.h"

namespace graticule::cuda {

const GemmTable& gemms() {
    static const std::array rows{wgmma_gemm, mma_gemm};
    static const std::array weight_only{weight_only_mma};
    static const GemmTable table{rows, weight_only, quantize_input, dequantize_packed, scale_product};
    return table;
}

} // namespace graticule::cuda
