// Starts wgmma_product with the tile asked for; included by the files that instantiate it for a kind of weight.
#pragma once

#include <atomic>

#include "kernels/cuda/gemm/card.h"
#include "kernels/cuda/gemm/overlapped_launch.cuh"
#include "kernels/cuda/gemm/products.h"
#include "kernels/cuda/gemm/wgmma_product.cuh"

namespace graticule::cuda {

template <class Decoder, int groups_in_block, int tile_tokens, Sums sums>
void launch_wgmma_tile(const ProductArguments& arguments, int blocks, cudaStream_t stream) {
    using Memory = Stages<Decoder, groups_in_block, tile_tokens, sums>;
    static_assert(Memory::count >= 4, "the warpgroups are kept apart by three stages");
    static std::atomic<std::uint64_t> devices{0};
    const auto kernel = wgmma_product<Decoder, groups_in_block, tile_tokens, sums>;
    allow_shared_memory(reinterpret_cast<const void*>(kernel), Memory::total, devices);
    launch_overlapped(kernel, arguments, blocks, Memory::threads, Memory::total, stream);
}

template <class Decoder, int groups_in_block, Sums sums = Sums::exact>
void launch_wgmma(const ProductArguments& arguments, int tile_tokens, int blocks, cudaStream_t stream) {
    switch (tile_tokens) {
    case 8:
        return launch_wgmma_tile<Decoder, groups_in_block, 8, sums>(arguments, blocks, stream);
    case 16:
        return launch_wgmma_tile<Decoder, groups_in_block, 16, sums>(arguments, blocks, stream);
    case 32:
        return launch_wgmma_tile<Decoder, groups_in_block, 32, sums>(arguments, blocks, stream);
    case 64:
        return launch_wgmma_tile<Decoder, groups_in_block, 64, sums>(arguments, blocks, stream);
    case 128:
        return launch_wgmma_tile<Decoder, groups_in_block, 128, sums>(arguments, blocks, stream);
    default: // 256, which `groups` has no registers for
        if constexpr (sums == Sums::exact)
            return launch_wgmma_tile<Decoder, groups_in_block, 256, sums>(arguments, blocks, stream);
    }
}

} // namespace graticule::cuda
