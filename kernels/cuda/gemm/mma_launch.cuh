// Starts mma_product with the tile asked for; included by the files that instantiate it for a kind of weight.
#pragma once

#include <atomic>

#include "kernels/cuda/device/check.h"
#include "kernels/cuda/gemm/card.h"
#include "kernels/cuda/gemm/mma_product.cuh"
#include "kernels/cuda/gemm/products.h"

namespace graticule::cuda {

template <class Decoder, Sums sums, int tile_tokens>
void launch_mma_tile(const MmaArguments& arguments, int blocks, cudaStream_t stream) {
    using Memory = MmaStages<Decoder, tile_tokens>;
    static_assert(Memory::count >= 2, "a stage is filled while another is multiplied");
    static std::atomic<std::uint64_t> devices{0};
    const auto kernel = mma_product<Decoder, sums, tile_tokens>;
    allow_shared_memory(reinterpret_cast<const void*>(kernel), Memory::total, devices);
    kernel<<<static_cast<unsigned>(blocks), 256, Memory::total, stream>>>(arguments);
    GRATICULE_CUDA_CHECK(cudaGetLastError());
}

template <class Decoder, Sums sums>
void launch_mma(const MmaArguments& arguments, int tile_tokens, int blocks, cudaStream_t stream) {
    switch (tile_tokens) {
    case 16:
        return launch_mma_tile<Decoder, sums, 16>(arguments, blocks, stream);
    case 64:
        return launch_mma_tile<Decoder, sums, 64>(arguments, blocks, stream);
    default:
        return launch_mma_tile<Decoder, sums, 128>(arguments, blocks, stream);
    }
}

} // namespace graticule::cuda
