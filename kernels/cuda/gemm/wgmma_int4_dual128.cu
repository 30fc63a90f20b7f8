// DGQ's dual grain with groups of 128 (wgmma_product.cuh).
#include "kernels/cuda/gemm/wgmma_launch.cuh"

namespace graticule::cuda {

void wgmma_int4_dual128(const ProductArguments& arguments, int tile_tokens, int blocks, cudaStream_t stream) {
    launch_wgmma<Int4Dual, 1>(arguments, tile_tokens, blocks, stream);
}

} // namespace graticule::cuda
