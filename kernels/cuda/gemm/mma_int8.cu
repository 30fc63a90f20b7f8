// W8A8 per channel on mma.sync (mma_product.cuh).
#include "kernels/cuda/gemm/mma_launch.cuh"

namespace graticule::cuda {

void mma_int8(const MmaArguments& arguments, GemmGrain, int tile_tokens, int blocks, cudaStream_t stream) {
    launch_mma<Int8Bytes, Sums::exact>(arguments, tile_tokens, blocks, stream);
}

} // namespace graticule::cuda
