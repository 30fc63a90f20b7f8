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
// clang-format off
//     one stage of shared memory, 128 inputs
//     +---------------------------------+-----------------+------------------------------------+
//     | inputs, tile_tokens x 272 bytes | 128 x 128 codes | constants of one or two groups     |
//     +---------------------------------+-----------------+------------------------------------+
//       256 and 16 that keep banks apart  8,192 bytes       512 bytes each; none per channel
// clang-format on
//
// Stages are filled several ahead. On Hopper, for up to 16 tokens, a ninth warp does that with bulk copies, a row of a
// token each and the weights in one, and mbarriers hand stages over, so that the other warps do nothing but multiply.
// Elsewhere, and where inputs end within a block of 128, every thread copies its share by cp.async. While the kernel
// before still runs (programmatic dependent launch) the first weights are on their way. A lane's codes are one 16-byte
// load for 16 outputs x 64 inputs, its inputs two per token (weight_only_layout.h).
//
// **Parts of tiles** follow schedule.h as in the integer products, but sums are floats here: every part goes to the
// workspace, and the last thread block to arrive adds all of them in their order. The same bits every time on cards
// with as many multiprocessors; on others the parts are others.
//
// **Limits.** INT4; zero points of a byte; groups multiples of 64; inputs multiples of 8, in rows that begin on 16
// bytes. Beyond a few hundred tokens a dense product of dequantized weights is faster
// (docs/results/integer_products.md).
#pragma once

#include <type_traits>

#include "kernels/cuda/gemm/card.h"
#include "kernels/cuda/gemm/hopper.cuh"
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

/// Who fills the stages: every thread by cp.async, or a warp of its own by bulk copies.
enum class Filling { all_threads, own_warp };

/// Tiles of up to this many tokens may be filled by a warp: a copy per token costs more than the threads' own where
/// there are many.
inline constexpr int most_filled_tokens = 16;
/// Bulk copies are Hopper's, and leave what is past the end of the inputs as it was.
[[nodiscard]] inline Filling filling_of(std::int64_t tile_tokens, std::int64_t inputs) {
    const bool own_warp =
        tile_tokens <= most_filled_tokens && inputs % weight_only::block_inputs == 0 && compute_capability() == 90;
    return own_warp ? Filling::own_warp : Filling::all_threads;
}

/// Shared memory and the warps' shares of a tile.
template <bool groups, int tile_tokens, Filling filling>
struct WeightOnlyTile {
    static constexpr int threads = filling == Filling::own_warp ? 288 : 256;
    static constexpr int token_warps = tile_tokens >= 64 ? 2 : 1, output_warps = 8 / token_warps;
    static constexpr int sixteens = 8 / output_warps;            ///< times 16 outputs of a warp
    static constexpr int eights = tile_tokens / token_warps / 8; ///< times 8 tokens of a warp
    static constexpr int input_bytes = tile_tokens * weight_only::token_bytes;
    static constexpr int bytes = input_bytes + weight_only::code_bytes + (groups ? 2 * weight_only::group_bytes : 0);
    /// Three where a warp fills (up to 16 tokens): 12 % faster at 16 tokens than two, 2 % at one.
    static constexpr int blocks_per_processor = filling == Filling::own_warp ? 3 : tile_tokens <= 32 ? 2 : 1;
    /// cp.async: of the smallest cards. Hopper has 227 KiB for all its thread blocks.
    static constexpr int available = (filling == Filling::own_warp ? 220 / blocks_per_processor : 97) * 1024;
    static constexpr int most_stages = filling == Filling::own_warp ? 10 : 8;
    static constexpr int stages = available / bytes < most_stages ? available / bytes : most_stages;
    static constexpr int total = stages * bytes;
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
        asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
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
        asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
            "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
            : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
    }
};

/// The sums of one warp: `sixteens` times 16 outputs x `eights` times 8 tokens, and what becomes of them.
template <class Inputs, bool groups, int tile_tokens, class Tile>
struct WeightOnlySums {
    static constexpr int sixteens = Tile::sixteens, eights = Tile::eights;
    const WeightOnlyArguments& arguments;
    const int thread, g, c;               ///< g = lane / 4, c = lane mod 4
    const int first_sixteen, first_token; ///< of this warp, in the tile
    std::uint32_t offsets[sixteens][2];   ///< of rows g and g + 8
    float sums[sixteens][eights][4];      ///< registers of a product: rows g, g + 8, tokens 2 c, 2 c + 1
    float of_group[groups ? sixteens : 1][groups ? eights : 1][4];

    __device__ WeightOnlySums(const WeightOnlyArguments& all, int number)
        : arguments(all)
        , thread(number)
        , g(number % 32 / 4)
        , c(number % 4)
        , first_sixteen(number / 32 % Tile::output_warps * sixteens)
        , first_token(number / 32 / Tile::output_warps * eights * 8) {}

    template <class Change>
    __device__ __forceinline__ void each(const Change& change) {
#pragma unroll
        for (int m = 0; m < sixteens; ++m)
#pragma unroll
            for (int t = 0; t < eights; ++t) change(m, t);
    }
    [[nodiscard]] __device__ int first_output(const Part& part) const {
        return part.channel_tile * weight_only::tile_outputs + first_sixteen * 16 + g;
    }
    __device__ __forceinline__ void begin(const Part& part) {
        if constexpr (!groups) {
#pragma unroll
            for (int m = 0; m < sixteens; ++m)
#pragma unroll
                for (int row = 0; row < 2; ++row)
                    offsets[m][row] =
                        Inputs::offsets(__ldg(&arguments.records[first_output(part) + 16 * m + 8 * row].zero));
        }
        each([&](int m, int t) {
#pragma unroll
            for (int e = 0; e < 4; ++e) {
                sums[m][t][e] = 0.0F;
                if constexpr (groups) of_group[m][t][e] = 0.0F;
            }
        });
    }
    [[nodiscard]] __device__ __forceinline__ float (&products(int m, int t))[4] {
        if constexpr (groups)
            return of_group[m][t];
        else
            return sums[m][t];
    }

    /// One stage: 128 inputs.
    __device__ __forceinline__ void add_stage(const std::uint8_t* stage) {
        const std::uint8_t* codes = stage + Tile::input_bytes;
        const std::uint8_t* tokens = stage + weight_only::place_of_input(first_token + g, 16 * c);
#pragma unroll
        for (int unit = 0; unit < weight_only::units; ++unit) {
            uint4 words[sixteens];
            float scales[groups ? sixteens : 1][2];
#pragma unroll
            for (int m = 0; m < sixteens; ++m) {
                words[m] = reinterpret_cast<const uint4*>(codes)[(unit * 8 + first_sixteen + m) * 32 + thread % 32];
                if constexpr (groups) {
                    if (unit == 0 || arguments.groups_in_block == 2) {
                        const auto* constants =
                            reinterpret_cast<const std::uint32_t*>(codes + weight_only::code_bytes) +
                            unit * weight_only::tile_outputs;
#pragma unroll
                        for (int row = 0; row < 2; ++row)
                            offsets[m][row] = Inputs::offsets(
                                weight_only::zero_of(constants[(first_sixteen + m) * 16 + 8 * row + g]));
                    }
                }
            }
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
                    const uint4 b = *reinterpret_cast<const uint4*>(
                        tokens + weight_only::place_of_input(8 * t, unit * weight_only::unit_inputs + 8 * half));
#pragma unroll
                    for (int m = 0; m < sixteens; ++m) {
                        Inputs::multiply_add(products(m, t), a[0][m], b.x, b.y);
                        Inputs::multiply_add(products(m, t), a[1][m], b.z, b.w);
                    }
                }
            }
            if constexpr (groups) {
                if (unit == 1 || arguments.groups_in_block == 2) {
                    const auto* constants = reinterpret_cast<const std::uint32_t*>(codes + weight_only::code_bytes) +
                                            (arguments.groups_in_block == 2 ? unit * weight_only::tile_outputs : 0);
#pragma unroll
                    for (int m = 0; m < sixteens; ++m)
#pragma unroll
                        for (int row = 0; row < 2; ++row)
                            scales[m][row] = weight_only::scale_of(constants[(first_sixteen + m) * 16 + 8 * row + g]);
                    each([&](int m, int t) {
#pragma unroll
                        for (int e = 0; e < 4; ++e) {
                            sums[m][t][e] = __fmaf_rn(of_group[m][t][e], scales[m][e / 2], sums[m][t][e]);
                            of_group[m][t][e] = 0.0F;
                        }
                    });
                }
            }
        }
    }

    /// A part's sums to the workspace; whether this thread block came last and has the sums of all parts now.
    __device__ bool complete(const Part& part, std::int32_t& is_last) {
        const Contributors contributors(arguments.schedule, part.tile);
        const auto part_of = [&](std::int32_t block, bool begins_tile) {
            return arguments.parts + part_place(block, begins_tile) * sixteens * eights * 256 + thread;
        };
        float4* own = part_of(static_cast<std::int32_t>(blockIdx.x), part.begin == 0);
        each([&](int m, int t) {
            const float(&four)[4] = sums[m][t];
            __stcg(own + (m * eights + t) * 256, make_float4(four[0], four[1], four[2], four[3]));
        });
        __threadfence();
        named_barrier(1, 256);
        if (thread == 0) {
            std::int32_t* ticket = arguments.tickets + part.tile;
            is_last = atomicAdd(ticket, 1) == contributors.last - contributors.first ? 1 : 0;
            if (is_last != 0) *ticket = 0;
            __threadfence();
        }
        named_barrier(1, 256);
        if (is_last == 0) return false; // overwritten only behind the next part's first barrier
        each([&](int m, int t) {
#pragma unroll
            for (int e = 0; e < 4; ++e) sums[m][t][e] = 0.0F;
        });
        for (std::int32_t block = contributors.first; block <= contributors.last; ++block) {
            const float4* from = part_of(block, block == contributors.first);
            each([&](int m, int t) {
                const float4 four = __ldcg(from + (m * eights + t) * 256);
                sums[m][t][0] += four.x;
                sums[m][t][1] += four.y;
                sums[m][t][2] += four.z;
                sums[m][t][3] += four.w;
            });
        }
        return true;
    }

    /// Scaled, to y.
    __device__ void store(const Part& part) const {
#pragma unroll
        for (int m = 0; m < sixteens; ++m)
#pragma unroll
            for (int row = 0; row < 2; ++row) {
                const int output = first_output(part) + 16 * m + 8 * row;
                if (output >= arguments.outputs) continue;
                const weight_only::Record record = arguments.records[output];
#pragma unroll
                for (int t = 0; t < eights; ++t)
#pragma unroll
                    for (int e = 0; e < 2; ++e) {
                        const int token = part.token_tile * tile_tokens + first_token + 8 * t + 2 * c + e;
                        if (token >= arguments.tokens) continue;
                        float value = sums[m][t][2 * row + e];
                        if constexpr (!groups) value = __fmul_rn(value, record.scale);
                        value = __fadd_rn(value, record.bias);
                        arguments.y[token * arguments.y_stride + output] =
                            static_cast<std::uint16_t>(two_halves(value, value, Inputs::type));
                    }
            }
    }
};

/// Weights of a block of 128 inputs of a tile.
__device__ __forceinline__ const std::uint8_t* weights_of(const WeightOnlyArguments& a, const BlockWalk& at) {
    return a.blocks +
           (static_cast<std::int64_t>(at.part.channel_tile) * a.schedule.input_blocks + at.block) * a.block_bytes;
}

/// The ninth warp: stages one after the other, as they become free. All inputs of a block are there.
template <class Tile, int tile_tokens>
__device__ void fill_stages(const WeightOnlyArguments& arguments, std::uint32_t stages, std::uint32_t full) {
#if __CUDA_ARCH__ >= 900
    const std::uint32_t empty = full + 8 * Tile::stages;
    const int lane = static_cast<int>(threadIdx.x) % 32;
    const std::uint64_t weights_policy =
        cache_policy(arguments.schedule.token_tiles == 1 ? Reuse::none : Reuse::nearby);
    const std::uint64_t inputs_policy = cache_policy(Reuse::everywhere);
    const auto there = [&](const BlockWalk& at) {
        return min(tile_tokens, arguments.tokens - at.part.token_tile * tile_tokens);
    };
    const auto copy_weights = [&](const BlockWalk& at, int stage) {
        if (lane == 0) {
            barrier_expect(full + 8 * stage, arguments.block_bytes + there(at) * weight_only::block_inputs * 2);
            bulk_copy(stages + stage * Tile::bytes + Tile::input_bytes, weights_of(arguments, at),
                      arguments.block_bytes, full + 8 * stage, weights_policy);
        }
        __syncwarp();
    };
    BlockWalk walk(arguments.schedule), first = walk;
    int asked_for = 0;
    for (; asked_for < Tile::stages && first.there; ++asked_for, first.next()) copy_weights(first, asked_for);
    wait_for_predecessor(); // inputs may be its
    int stage = 0;
    std::uint32_t phase = 0;
    for (; walk.there; walk.next()) {
        if (asked_for > 0) {
            --asked_for;
        } else {
            barrier_wait(empty + 8 * stage, phase ^ 1);
            copy_weights(walk, stage);
        }
        const std::uint16_t* x = arguments.x + walk.block * weight_only::block_inputs;
        for (int token = lane; token < there(walk); token += 32)
            bulk_copy(stages + stage * Tile::bytes + weight_only::place_of_input(token, 0),
                      x + (walk.part.token_tile * tile_tokens + token) * arguments.x_stride,
                      weight_only::block_inputs * 2, full + 8 * stage, inputs_policy);
        if (++stage == Tile::stages) {
            stage = 0;
            phase ^= 1;
        }
    }
#endif
}

template <class Inputs, bool groups, int tile_tokens, Filling filling>
__global__ void __launch_bounds__(WeightOnlyTile<groups, tile_tokens, filling>::threads,
                                  WeightOnlyTile<groups, tile_tokens, filling>::blocks_per_processor)
    weight_only_product(const __grid_constant__ WeightOnlyArguments arguments) {
    using Tile = WeightOnlyTile<groups, tile_tokens, filling>;
    extern __shared__ __align__(128) std::uint8_t shared[];
    __shared__ std::int32_t is_last;
    const int thread = static_cast<int>(threadIdx.x);
    const Schedule& schedule = arguments.schedule;
    WeightOnlySums<Inputs, groups, tile_tokens, Tile> sums(arguments, thread);
    PartWalk walk(schedule);
    Part part;
    int stage = 0;
    if constexpr (filling == Filling::own_warp) {
#if __CUDA_ARCH__ >= 900
        __shared__ __align__(8) std::uint64_t barriers[2 * Tile::stages];
        const std::uint32_t full = shared_address(barriers), empty = full + 8 * Tile::stages;
        if (thread == 0) {
            for (int i = 0; i < Tile::stages; ++i) {
                barrier_init(full + 8 * i, 1);
                barrier_init(empty + 8 * i, 8); // one per warp that multiplies
            }
            barrier_init_done();
        }
        __syncthreads();
        launch_dependents();
        if (thread >= 256) return fill_stages<Tile, tile_tokens>(arguments, shared_address(shared), full);
        wait_for_predecessor(); // what is written may be what it reads
        std::uint32_t phase = 0;
        while (walk.next(part)) {
            sums.begin(part);
            for (int k = part.begin; k < part.end; ++k) {
                barrier_wait(full + 8 * stage, phase);
                sums.add_stage(shared + stage * Tile::bytes);
                __syncwarp();
                if (thread % 32 == 0) barrier_arrive(empty + 8 * stage);
                if (++stage == Tile::stages) {
                    stage = 0;
                    phase ^= 1;
                }
            }
            const bool whole = part.begin == 0 && part.end == schedule.input_blocks;
            if (whole || sums.complete(part, is_last)) sums.store(part);
        }
#endif
    } else {
        BlockWalk ahead(schedule);
        int filled = 0; // the stage to be filled next
        const auto fill = [&] {
            if (ahead.there) {
                const std::uint32_t to = shared_address(shared) + filled * Tile::bytes;
                const std::uint8_t* weights = weights_of(arguments, ahead);
                for (int i = thread * 16; i < arguments.block_bytes; i += 256 * 16)
                    copy_16(to + Tile::input_bytes + i, weights + i);
                for (int i = thread; i < tile_tokens * 16; i += 256) {
                    const int token = i / 16, input = i % 16 * 8; // within the stage
                    const std::int32_t token_of_all = ahead.part.token_tile * tile_tokens + token;
                    const std::int32_t input_of_all = ahead.block * weight_only::block_inputs + input;
                    const bool there = token_of_all < arguments.tokens && input_of_all < arguments.inputs;
                    copy_16_or_zeros(to + weight_only::place_of_input(token, input),
                                     arguments.x + (there ? token_of_all * arguments.x_stride + input_of_all : 0),
                                     there);
                }
                ahead.next();
            }
            copies_commit(); // an empty group where nothing is left, so that groups can be counted
            filled = filled + 1 == Tile::stages ? 0 : filled + 1;
        };
#if __CUDA_ARCH__ >= 900
        launch_dependents();
        wait_for_predecessor();
#endif
        for (int i = 0; i < Tile::stages - 1; ++i) fill();
        while (walk.next(part)) {
            sums.begin(part);
            for (int k = part.begin; k < part.end; ++k) {
                copies_wait<Tile::stages - 2>();
                __syncthreads(); // this stage is there for all, and all are done with the one before
                fill();
                sums.add_stage(shared + stage * Tile::bytes);
                stage = stage + 1 == Tile::stages ? 0 : stage + 1;
            }
            const bool whole = part.begin == 0 && part.end == schedule.input_blocks;
            if (whole || sums.complete(part, is_last)) sums.store(part);
        }
        copies_wait<0>();
    }
}

} // namespace graticule::cuda
