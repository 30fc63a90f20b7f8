// dINT4 on mma.sync (mma_product.cuh): per channel, dual grain (which no recipe asks for, see wgmma_dint4_dual128.cu),
// groups with float scales.
#include "kernels/cuda/gemm/mma_launch.cuh"

namespace graticule::cuda {

void mma_dint4(const MmaArguments& arguments, GemmGrain grain, int tile_tokens, int blocks, cudaStream_t stream) {
    if (grain == GemmGrain::channel)
        return launch_mma<DInt4Channel, Sums::exact>(arguments, tile_tokens, blocks, stream);
    if (grain == GemmGrain::dual) return launch_mma<DInt4Dual, Sums::exact>(arguments, tile_tokens, blocks, stream);
    launch_mma<DInt4Dual, Sums::groups>(arguments, tile_tokens, blocks, stream);
}

} // namespace graticule::cuda
