// dINT4 per channel (wgmma_product.cuh).
#include "kernels/cuda/gemm/wgmma_launch.cuh"

namespace graticule::cuda {

void wgmma_dint4_channel(const ProductArguments& arguments, int tile_tokens, int blocks, cudaStream_t stream) {
    launch_wgmma<DInt4Channel, 1>(arguments, tile_tokens, blocks, stream);
}

} // namespace graticule::cuda
