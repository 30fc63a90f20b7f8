// The weight-only product (W4A16) for every card from compute capability 8.0 on, by mma.sync m16n8k16: 16-bit inputs as
// they are, INT4 weights per output or in groups with float scales and zero points. What a W4A8 product must be
// compared with: Marlin (Frantar et al. 2024) and its kind.
//
// **Formula.** gemm.h, "Weight-only products". A code becomes a 16-bit float by putting an exponent in front of it, and
// code - zero by one addition, exactly; scales are applied to float32 sums: those of groups group by group, the others
// in the end.
//
// **Parallel split.** A thread block of eight warps computes 128 outputs x tile_tokens. Up to 32 tokens each warp has
// 16 outputs with all the tile's tokens; beyond, four pairs of warps have 32 outputs each and a warp half of the
// tokens, so that inputs are read from shared memory half as often.
//
//     one stage of shared memory, 128 inputs:  | inputs, tile_tokens x 256 bytes | 128 x 128 codes | constants of
//     groups |
//
// Stages are filled by cp.async several ahead; while the kernel before still runs (programmatic dependent launch) the
// first weights are fetched as far as the second-level cache. A lane's codes are one 16-byte load for 16 outputs x 64
// inputs, its inputs two per token (weight_only_layout.h).
//
// **Parts of tiles** follow schedule.h as in the integer products, but sums are floats here: every part goes to the
// workspace, and the last thread block to arrive adds all of them in their order. The same bits every time.
//
// **Limits.** INT4; zero points of a byte; groups multiples of 64; inputs multiples of 8, in rows that begin on 16
// bytes. Beyond a few hundred tokens a dense product of dequantized weights is faster
// (docs/results/integer_products.md).
#pragma once

#include <type_traits>

#include "kernels/cuda/gemm/product_frame.cuh"
#include "kernels/cuda/gemm/staged_copies.cuh"
#include "kernels/cuda/gemm/weight_only_layout.h"

namespace graticule::cuda {

struct WeightOnlyArguments {
    const weight_only::Record* records;
    const std::uint8_t* blocks;
    const std::uint16_t* x;
    std::int64_t x_stride;
    std::uint16_t* y;
    std::int64_t y_stride;
    std::int32_t* tickets; ///< one per split tile, all zero
    float4* parts;
    std::int32_t outputs, inputs, tokens;
    std::int32_t block_bytes, groups_in_block;
    Schedule schedule;
};

/// Shared memory and the warps' shares of a tile.
template <bool groups, int tile_tokens>
struct WeightOnlyTile {
    static constexpr int token_warps = tile_tokens >= 64 ? 2 : 1, output_warps = 8 / token_warps;
    static constexpr int sixteens = 8 / output_warps;            ///< times 16 outputs of a warp
    static constexpr int eights = tile_tokens / token_warps / 8; ///< times 8 tokens of a warp
    static constexpr int input_bytes = tile_tokens * 256;
    static constexpr int bytes = input_bytes + weight_only::code_bytes + (groups ? 2 * weight_only::group_bytes : 0);
    static constexpr int available = 97 * 1024; ///< of the smallest cards; two thread blocks fit Hopper and A100
    static constexpr int stages = available / bytes < 8 ? available / bytes : 8;
    static constexpr int total = stages * bytes;
    static constexpr int blocks_per_processor = tile_tokens <= 32 ? 2 : 1;
};

/// Sixteen-bit types: how codes become them and are multiplied.
struct Bf16Inputs {
    static constexpr ValueType type = ValueType::bf16;
    static constexpr std::uint32_t exponents = weight_only::exponents_bf16;
    static __device__ __forceinline__ std::uint32_t offsets(int zero) { return weight_only::two_offsets_bf16(zero); }
    static __device__ __forceinline__ std::uint32_t add(std::uint32_t a, std::uint32_t b) {
        std::uint32_t sum;
        asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(sum) : "r"(a), "r"(0x3F803F80U), "r"(b)); // a times 1
        return sum;
    }
    static __device__ __forceinline__ void multiply_add(float (&d)[4], const std::uint32_t (&a)[4], std::uint32_t b0,
                                                        std::uint32_t b1) {
        asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
                     "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                     : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
    }
};
struct F16Inputs {
    static constexpr ValueType type = ValueType::f16;
    static constexpr std::uint32_t exponents = weight_only::exponents_f16;
    static __device__ __forceinline__ std::uint32_t offsets(int zero) { return weight_only::two_offsets_f16(zero); }
    static __device__ __forceinline__ std::uint32_t add(std::uint32_t a, std::uint32_t b) {
        std::uint32_t sum;
        asm("add.rn.f16x2 %0, %1, %2;" : "=r"(sum) : "r"(a), "r"(b));
        return sum;
    }
    static __device__ __forceinline__ void multiply_add(float (&d)[4], const std::uint32_t (&a)[4], std::uint32_t b0,
                                                        std::uint32_t b1) {
        asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
                     "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                     : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
    }
};

template <class Inputs, bool groups, int tile_tokens>
__global__ void __launch_bounds__(256, WeightOnlyTile<groups, tile_tokens>::blocks_per_processor)
    weight_only_product(const __grid_constant__ WeightOnlyArguments arguments) {
    using Tile = WeightOnlyTile<groups, tile_tokens>;
    constexpr int sixteens = Tile::sixteens, eights = Tile::eights;
    extern __shared__ __align__(128) std::uint8_t shared[];
    __shared__ std::int32_t is_last;
    const int thread = static_cast<int>(threadIdx.x), lane = thread % 32, warp = thread / 32;
    const int g = lane / 4, c = lane % 4;
    const int first_sixteen = warp % Tile::output_warps * sixteens; // of this warp, in the tile
    const int first_token_of_warp = warp / Tile::output_warps * eights * 8;
    const Schedule& schedule = arguments.schedule;

    // -- stages, filled ahead
    const auto weights_of = [&](const BlockWalk& at) {
        return arguments.blocks + (static_cast<std::int64_t>(at.part.channel_tile) * schedule.input_blocks + at.block) *
                                      arguments.block_bytes;
    };
    BlockWalk ahead(schedule);
    int filled = 0; // the stage to be filled next
    const auto fill = [&] {
        if (ahead.there) {
            const std::uint32_t to = shared_address(shared) + filled * Tile::bytes;
            const std::uint8_t* weights = weights_of(ahead);
            for (int i = thread * 16; i < arguments.block_bytes; i += 256 * 16)
                copy_16(to + Tile::input_bytes + i, weights + i);
            for (int i = thread; i < tile_tokens * 16; i += 256) {
                const int token = i / 16, input = i % 16 * 8; // within the stage
                const std::int32_t token_of_all = ahead.part.token_tile * tile_tokens + token;
                const std::int32_t input_of_all = ahead.block * weight_only::block_inputs + input;
                const bool there = token_of_all < arguments.tokens && input_of_all < arguments.inputs;
                copy_16_or_zeros(to + weight_only::place_of_input(tile_tokens, token, input),
                                 arguments.x + (there ? token_of_all * arguments.x_stride + input_of_all : 0), there);
            }
            ahead.next();
        }
        copies_commit(); // an empty group where nothing is left, so that groups can be counted
        filled = filled + 1 == Tile::stages ? 0 : filled + 1;
    };
#if __CUDA_ARCH__ >= 900
    // The kernel before may still run: weights do not depend on it, inputs may.
    asm volatile("griddepcontrol.launch_dependents;");
    BlockWalk first = ahead;
    for (int i = 0; i < Tile::stages - 1 && first.there; ++i, first.next())
        if (thread * 128 < arguments.block_bytes)
            asm volatile("prefetch.global.L2 [%0];" ::"l"(weights_of(first) + thread * 128));
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
    for (int i = 0; i < Tile::stages - 1; ++i) fill();

    int stage = 0;
    PartWalk walk(schedule);
    Part part;
    while (walk.next(part)) {
        const int first_output = part.channel_tile * weight_only::tile_outputs + first_sixteen * 16 + g;
        std::uint32_t offsets[sixteens][2]; // of rows g and g + 8
        if constexpr (!groups) {
#pragma unroll
            for (int m = 0; m < sixteens; ++m)
#pragma unroll
                for (int row = 0; row < 2; ++row)
                    offsets[m][row] = Inputs::offsets(__ldg(&arguments.records[first_output + 16 * m + 8 * row].zero));
        }
        float sums[sixteens][eights][4];
        float of_group[groups ? sixteens : 1][groups ? eights : 1][4];
#pragma unroll
        for (int m = 0; m < sixteens; ++m)
#pragma unroll
            for (int t = 0; t < eights; ++t)
#pragma unroll
                for (int e = 0; e < 4; ++e) {
                    sums[m][t][e] = 0.0F;
                    if constexpr (groups) of_group[m][t][e] = 0.0F;
                }
        for (int k = part.begin; k < part.end; ++k) {
            copies_wait<Tile::stages - 2>();
            __syncthreads(); // this stage is there for all, and all are done with the one before
            fill();
            const std::uint8_t* inputs = shared + stage * Tile::bytes;
            const std::uint8_t* codes = inputs + Tile::input_bytes;
            stage = stage + 1 == Tile::stages ? 0 : stage + 1;
#pragma unroll
            for (int unit = 0; unit < weight_only::units; ++unit) {
                uint4 words[sixteens];
                float scales[groups ? sixteens : 1][2];
#pragma unroll
                for (int m = 0; m < sixteens; ++m) {
                    words[m] = reinterpret_cast<const uint4*>(codes)[(unit * 8 + first_sixteen + m) * 32 + lane];
                    if constexpr (groups) {
                        const std::uint8_t* of_unit =
                            codes + weight_only::code_bytes +
                            (arguments.groups_in_block == 2 ? unit * weight_only::group_bytes : 0);
#pragma unroll
                        for (int row = 0; row < 2; ++row) {
                            const std::uint32_t constant =
                                reinterpret_cast<const std::uint32_t*>(of_unit)[(first_sixteen + m) * 16 + 8 * row + g];
                            scales[m][row] = weight_only::scale_of(constant);
                            offsets[m][row] = Inputs::offsets(weight_only::zero_of(constant));
                        }
                    }
                }
                const std::uint8_t* tokens = inputs + unit * tile_tokens * 128 + (first_token_of_warp + g) * 128;
#pragma unroll
                for (int half = 0; half < 2; ++half) { // steps 2 half and 2 half + 1
                    std::uint32_t a[2][sixteens][4];
#pragma unroll
                    for (int s = 0; s < 2; ++s)
#pragma unroll
                        for (int m = 0; m < sixteens; ++m)
#pragma unroll
                            for (int which = 0; which < 4; ++which) {
                                const weight_only::PairPlace at = weight_only::pair_of_register(2 * half + s, which);
                                const std::uint32_t word = at.word == 0   ? words[m].x
                                                           : at.word == 1 ? words[m].y
                                                           : at.word == 2 ? words[m].z
                                                                          : words[m].w;
                                a[s][m][which] = Inputs::add(weight_only::two_codes(word, at.pair, Inputs::exponents),
                                                             offsets[m][which % 2]);
                            }
#pragma unroll
                    for (int t = 0; t < eights; ++t) {
                        const uint4 b =
                            *reinterpret_cast<const uint4*>(tokens + t * 8 * 128 + (((2 * c + half) ^ g) * 16));
#pragma unroll
                        for (int m = 0; m < sixteens; ++m) {
                            float(&d)[4] = [&]() -> float(&)[4] {
                                if constexpr (groups)
                                    return of_group[m][t];
                                else
                                    return sums[m][t];
                            }();
                            Inputs::multiply_add(d, a[0][m], b.x, b.y);
                            Inputs::multiply_add(d, a[1][m], b.z, b.w);
                        }
                    }
                }
                if constexpr (groups) {
                    if (unit == 1 || arguments.groups_in_block == 2) {
#pragma unroll
                        for (int m = 0; m < sixteens; ++m)
#pragma unroll
                            for (int t = 0; t < eights; ++t)
#pragma unroll
                                for (int e = 0; e < 4; ++e) {
                                    sums[m][t][e] = __fmaf_rn(of_group[m][t][e], scales[m][e / 2], sums[m][t][e]);
                                    of_group[m][t][e] = 0.0F;
                                }
                    }
                }
            }
        }

        // -- parts of tiles
        if (part.begin != 0 || part.end != schedule.input_blocks) {
            const Contributors contributors(schedule, part.tile);
            const auto part_of = [&](std::int32_t block, bool begins_tile) {
                return arguments.parts +
                       (static_cast<std::int64_t>(block) * 2 + (begins_tile ? 1 : 0)) * sixteens * eights * 256 +
                       thread;
            };
            float4* own = part_of(static_cast<std::int32_t>(blockIdx.x), part.begin == 0);
#pragma unroll
            for (int m = 0; m < sixteens; ++m)
#pragma unroll
                for (int t = 0; t < eights; ++t)
                    __stcg(own + (m * eights + t) * 256,
                           make_float4(sums[m][t][0], sums[m][t][1], sums[m][t][2], sums[m][t][3]));
            __threadfence();
            __syncthreads();
            if (thread == 0) {
                std::int32_t* ticket = arguments.tickets + part.tile;
                is_last = atomicAdd(ticket, 1) == contributors.last - contributors.first ? 1 : 0;
                if (is_last != 0) *ticket = 0;
                __threadfence();
            }
            __syncthreads();
            if (is_last == 0) continue; // overwritten only behind the next part's first barrier
#pragma unroll
            for (int m = 0; m < sixteens; ++m)
#pragma unroll
                for (int t = 0; t < eights; ++t)
#pragma unroll
                    for (int e = 0; e < 4; ++e) sums[m][t][e] = 0.0F;
            for (std::int32_t block = contributors.first; block <= contributors.last; ++block) {
                const float4* from = part_of(block, block == contributors.first);
#pragma unroll
                for (int m = 0; m < sixteens; ++m)
#pragma unroll
                    for (int t = 0; t < eights; ++t) {
                        const float4 four = __ldcg(from + (m * eights + t) * 256);
                        sums[m][t][0] += four.x;
                        sums[m][t][1] += four.y;
                        sums[m][t][2] += four.z;
                        sums[m][t][3] += four.w;
                    }
            }
        }

        // -- y: registers e of a product are rows g (e < 2) and g + 8, tokens 2 c + e mod 2
#pragma unroll
        for (int m = 0; m < sixteens; ++m)
#pragma unroll
            for (int row = 0; row < 2; ++row) {
                const int output = first_output + 16 * m + 8 * row;
                if (output >= arguments.outputs) continue;
                const weight_only::Record record = arguments.records[output];
#pragma unroll
                for (int t = 0; t < eights; ++t)
#pragma unroll
                    for (int e = 0; e < 2; ++e) {
                        const int token = part.token_tile * tile_tokens + first_token_of_warp + 8 * t + 2 * c + e;
                        if (token >= arguments.tokens) continue;
                        float value = sums[m][t][2 * row + e];
                        if constexpr (!groups) value = __fmul_rn(value, record.scale);
                        value = __fadd_rn(value, record.bias);
                        arguments.y[token * arguments.y_stride + output] =
                            static_cast<std::uint16_t>(two_halves(value, value, Inputs::type));
                    }
            }
    }
    copies_wait<0>();
}

} // namespace graticule::cuda
