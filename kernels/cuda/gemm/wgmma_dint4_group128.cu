// dINT4, groups of 128 with float scales (wgmma_product.cuh): decoded as under the dual grain, with a group scale of 1.
#include "kernels/cuda/gemm/wgmma_launch.cuh"

namespace graticule::cuda {

void wgmma_dint4_group128(const ProductArguments& arguments, int tile_tokens, int blocks, cudaStream_t stream) {
    launch_wgmma<DInt4Dual, 1, Sums::groups>(arguments, tile_tokens, blocks, stream);
}

} // namespace graticule::cuda
