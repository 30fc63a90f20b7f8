// dINT4 under the dual grain, groups of 128 (wgmma_product.cuh). No recipe asks for it, since the rounding to the dual
// grain is defined for INT4 alone (core/recipe/recipe_line.cpp): benchmarks and conformance cases do.
#include "kernels/cuda/gemm/wgmma_launch.cuh"

namespace graticule::cuda {

void wgmma_dint4_dual128(const ProductArguments& arguments, int tile_tokens, int blocks, cudaStream_t stream) {
    launch_wgmma<DInt4Dual, 1>(arguments, tile_tokens, blocks, stream);
}

} // namespace graticule::cuda
