// Starts weight_only_product with the tile asked for; included by the files that instantiate it for a type of inputs.
#pragma once

#include <atomic>

#include "kernels/cuda/gemm/card.h"
#include "kernels/cuda/gemm/overlapped_launch.cuh"
#include "kernels/cuda/gemm/products.h"
#include "kernels/cuda/gemm/weight_only_product.cuh"

namespace graticule::cuda {

template <class Inputs, bool groups, int tile_tokens, Filling filling>
void launch_weight_only_filled(const WeightOnlyArguments& arguments, int blocks, cudaStream_t stream) {
    using Tile = WeightOnlyTile<groups, tile_tokens, filling>;
    static_assert(Tile::stages >= 2, "a stage is filled while another is multiplied");
    static std::atomic<std::uint64_t> devices{0};
    const auto kernel = weight_only_product<Inputs, groups, tile_tokens, filling>;
    allow_shared_memory(reinterpret_cast<const void*>(kernel), Tile::total, devices);
    launch_overlapped(kernel, arguments, blocks, Tile::threads, Tile::total, stream);
}

template <class Inputs, bool groups, int tile_tokens>
void launch_weight_only_tile(const WeightOnlyArguments& arguments, int blocks, cudaStream_t stream) {
    if constexpr (tile_tokens <= most_filled_tokens)
        if (filling_of(tile_tokens, arguments.inputs) == Filling::own_warp)
            return launch_weight_only_filled<Inputs, groups, tile_tokens, Filling::own_warp>(arguments, blocks, stream);
    launch_weight_only_filled<Inputs, groups, tile_tokens, Filling::all_threads>(arguments, blocks, stream);
}

template <class Inputs, bool groups>
void launch_weight_only(const WeightOnlyArguments& arguments, int tile_tokens, int blocks, cudaStream_t stream) {
    switch (tile_tokens) {
    case 8:
        return launch_weight_only_tile<Inputs, groups, 8>(arguments, blocks, stream);
    case 16:
        return launch_weight_only_tile<Inputs, groups, 16>(arguments, blocks, stream);
    case 32:
        return launch_weight_only_tile<Inputs, groups, 32>(arguments, blocks, stream);
    case 64:
        return launch_weight_only_tile<Inputs, groups, 64>(arguments, blocks, stream);
    default:
        return launch_weight_only_tile<Inputs, groups, 128>(arguments, blocks, stream);
    }
}

} // namespace graticule::cuda
