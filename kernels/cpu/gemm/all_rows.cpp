#include <array>

#include "kernels/cpu/gemm/rows.h"

namespace graticule {

const GemmTable& cpu_gemms() {
    static const std::array rows{cpu::reference_gemm};
    static const GemmTable table{rows, cpu::quantize_input};
    return table;
}

} // namespace graticule
