// The CPU's products, the fastest first; rows refuse processors without their instructions.
#include <array>

#include "kernels/cpu/gemm/rows.h"

namespace graticule {

const GemmTable& cpu_gemms() {
    static const std::array rows {
#if defined(__x86_64__) && defined(__GNUC__)
        cpu::avx512_gemm, cpu::avx2_gemm,
#endif
            cpu::reference_gemm
    };
    static const std::array weight_only{cpu::weight_only_reference};
    static const GemmTable table{rows, weight_only, cpu::quantize_input, cpu::dequantize_packed, cpu::scale_product};
    return table;
}

} // namespace graticule
