// Weight-only products of f16 inputs (weight_only_product.cuh): per output, groups with float scales.
#include "kernels/cuda/gemm/weight_only_launch.cuh"

namespace graticule::cuda {

void weight_only_f16(const WeightOnlyArguments& arguments, bool groups, int tile_tokens, int blocks,
                     cudaStream_t stream) {
    if (groups) return launch_weight_only<F16Inputs, true>(arguments, tile_tokens, blocks, stream);
    launch_weight_only<F16Inputs, false>(arguments, tile_tokens, blocks, stream);
}

} // namespace graticule::cuda
