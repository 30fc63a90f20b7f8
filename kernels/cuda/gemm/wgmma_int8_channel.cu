// W8A8: the same frame, weights from shared memory (wgmma_product.cuh).
#include "kernels/cuda/gemm/wgmma_launch.cuh"

namespace graticule::cuda {

void wgmma_int8_channel(const ProductArguments& arguments, int tile_tokens, int blocks, cudaStream_t stream) {
    launch_wgmma<Int8Bytes, 1>(arguments, tile_tokens, blocks, stream);
}

} // namespace graticule::cuda
