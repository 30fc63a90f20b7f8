// The integer product for sm_90a: y (tokens, outputs) = x W^T from int8 inputs and 4- or 8-bit weights, fused: codes
// go from global memory to the tensor cores without ever lying in memory as bytes.
//
// **Formula.** y[m, n] = float(acc[m, n] - correction[n] row_sum[m] - x_zero[m] weight_sum[n]) x_scale[m] scale[n] +
// bias[n]; acc is the exact int32 sum of decoded bytes times inputs. What the decoded bytes hold too much
// (decode.cuh) is a multiple of the token's row sum, taken off once per output.
//
// Grain `group` adds its groups in float32: s = fma(float(sum of a group), scale[group, n], s) in the order of the groups,
// y = s x_scale + bias. Its weights are decoded to signed bytes, so that nothing is to be taken off.
//
// **The product is turned round**, Y^T = W X^T, because wgmma takes its first operand from registers, where codes can
// be decoded, and both operands as rows of k: x as it lies, (tokens, inputs), is the second one. 64 outputs are a
// warpgroup's rows; tokens are the flexible side of the instruction, 8 to 256, so that one token and 8,192 run on the
// same code.
//
// clang-format off
//     thread block = 128 outputs x tile_tokens                  one stage of shared memory, 128 inputs
//
//     the last: copies ahead, fetches scales                    +------------------------+
//     warpgroup 0: outputs  0 ...  63 x tile_tokens             | x, tile_tokens x 128   |  rows of 128 bytes, swizzled
//     warpgroup 1: outputs 64 ... 127 x tile_tokens             | outputs  0 ...  63     |  codes as threads want them
//                                                               | outputs 64 ... 127     |  (packed_weight.h)
//                                                               +------------------------+
// clang-format on
//
// **Pipeline.** Inputs (tiles of gemm.h) and weights (packed_weight.h) are stored as stages want them, so a stage is
// two one-dimensional bulk copies on one mbarrier; no tensor maps. A warpgroup loads a stage's codes with two 16-byte
// loads per thread, decodes one step of 32 inputs while the products of the steps before run (at most four in
// flight; with pairs, below, all four of a stage at once), and hands the stage back when the products of the next one
// have been issued. Weights are known before the
// kernel starts: with programmatic dependent launch the first stages are on their way while the kernel before still
// runs.
//
// **The two warpgroups are kept apart by a few stages** where tiles are large: one scales and stores its tile while
// the other has the tensor cores for itself.
//
// **Few tokens: two pairs of warpgroups take turns at the stages.** One stage is then a chain of waiting, loading,
// decoding and multiplying that takes longer than its bytes take from memory; while one pair goes along it, the other
// does, a stage ahead. A stage of the ring is always the same pair's: copies may come out of order, and only who has
// seen a barrier's last phase can tell its next one by parity. The pairs' sums are added in shared memory at the end
// of a part.
//
// **Groups with float scales** have a loop of their own (wgmma_groups.cuh). Scales of a stage's groups, 128 floats each, come
// with its weights. Sums and floats are both in registers, so a tile has at most 128 tokens; and tiles are computed
// whole, for the order of additions.
//
// **Parts of tiles** are part_sums.cuh's, **the epilogue** product_frame.cuh's.
//
// **Limits.** Inputs up to 65,536 (sums in 32 bits); `group` takes no input zero points (the correction would need the row
// sums of groups); any number of outputs, inputs and tokens: tails are padded when
// packed and not stored.
#pragma once

#include <type_traits>

#include "kernels/cuda/gemm/decode.cuh"
#include "kernels/cuda/gemm/hopper.cuh"
#include "kernels/cuda/gemm/product_frame.cuh"
#include "kernels/cuda/gemm/wgmma_groups.cuh"

namespace graticule::cuda {

/// 8-bit weights: no decoder, the first operand comes from shared memory.
struct Int8Channel {
    static constexpr bool has_constants = false, uses_corrections = false;
    __device__ void for_tile(const std::int32_t (&)[2]) {}
};

template <class Decoder, int groups_in_block>
inline constexpr int stored_block_bytes = std::is_same_v<Decoder, Int8Channel>
                                              ? 8192
                                              : 4096 + (Decoder::has_constants ? 128 * groups_in_block : 0);

/// Threads and shared memory of one kernel.
template <class Decoder, int groups_in_block, int tile_tokens, Sums sums>
struct Stages {
    static constexpr int pairs = sums == Sums::exact && tile_tokens <= 32 ? 2 : 1; ///< of warpgroups that multiply
    static constexpr int threads = 256 * pairs + 128;
    static constexpr int registers = pairs == 2 ? 104 : 232; ///< that leave 40 to a thread that copies
    static constexpr int input_bytes = tile_tokens * 128;
    static constexpr int block_bytes = stored_block_bytes<Decoder, groups_in_block>;
    static constexpr int scale_bytes = sums == Sums::groups ? 512 * groups_in_block : 0; ///< of 128 outputs
    static constexpr int weight_bytes = 2 * block_bytes + scale_bytes;
    static constexpr int bytes = (input_bytes + weight_bytes + 1023) / 1024 * 1024;
    static constexpr int staging_tokens = tile_tokens < 32 ? tile_tokens : 32;
    static constexpr int staging_row = 144; ///< 64 outputs of 16 bits and 16 bytes against bank conflicts
    static constexpr int staged_bytes = staging_tokens * staging_row; ///< of one warpgroup, on their way to y
    static constexpr int staging_bytes = 2 * staged_bytes + static_cast<int>(sizeof(TileRecords<tile_tokens>));
    static constexpr int exchange_bytes = (pairs - 1) * 128 * tile_tokens * 4; ///< sums of the second pair
    static constexpr int available = 227 * 1024 - 2048 - staging_bytes - exchange_bytes;
    static constexpr int most = available / bytes < 18 ? available / bytes : 18;
    static constexpr int count = most / pairs * pairs; ///< so that a stage is always the same pair's
    static constexpr int total = 1024 + count * bytes + staging_bytes + exchange_bytes;
};

template <class Decoder, int groups_in_block, int tile_tokens, Sums sums>
__global__ void __launch_bounds__((Stages<Decoder, groups_in_block, tile_tokens, sums>::threads), 1)
    wgmma_product(const __grid_constant__ ProductArguments arguments) {
    using Memory = Stages<Decoder, groups_in_block, tile_tokens, sums>;
    constexpr bool from_registers = !std::is_same_v<Decoder, Int8Channel>;
    constexpr bool in_turn = Memory::pairs == 2; // see "take turns" above
    extern __shared__ __align__(1024) std::uint8_t shared[];
    __shared__ __align__(8) std::uint64_t barriers[2 * Memory::count + 2];
    __shared__ std::int32_t is_last;
    const std::uint32_t full = kept(shared_address(barriers)), empty = full + 8 * Memory::count;
    const std::uint32_t records_full = empty + 8 * Memory::count, records_empty = records_full + 8;
    const std::uint32_t stages = kept(shared_address(shared));
    if (threadIdx.x == 0) {
        for (int i = 0; i < Memory::count; ++i) {
            barrier_init(full + 8 * i, 1);
            barrier_init(empty + 8 * i, 8); // one per warp of the pair whose turn it is
        }
        barrier_init(records_full, 32);
        barrier_init(records_empty, 8);
        barrier_init_done();
    }
    __syncthreads();
    launch_dependents();
    const int warpgroup = static_cast<int>(threadIdx.x) / 128;
    const auto weights_of = [](const ProductArguments& p, const Part& at) {
        return p.blocks + (static_cast<std::int64_t>(at.channel_tile) * p.schedule.input_blocks + at.begin) *
                              (2 * Memory::block_bytes);
    };
    const auto input_bytes_of = [](const ProductArguments& p, const Part& at) {
        return min(tile_tokens, p.tokens - at.token_tile * tile_tokens) * 128; // sums of others are not stored
    };
    PartWalk walk(arguments.schedule);
    Part part;

    auto* records =
        reinterpret_cast<TileRecords<tile_tokens>*>(shared + Memory::count * Memory::bytes + 2 * Memory::staged_bytes);
    int stage = 0;
    std::uint32_t phase = 0;

    if (warpgroup == 2 * Memory::pairs) {
        give_registers<40>();
        if (threadIdx.x / 32 % 4 == 1) { // fetches what the epilogue must know,
                                         // while the tile is multiplied
            wait_for_predecessor();
            for (; walk.next(part); phase ^= 1) {
                barrier_wait(records_empty, phase ^ 1);
                records->fetch(arguments, part, static_cast<int>(threadIdx.x) % 32, 32);
                barrier_arrive(records_full);
            }
            return;
        }
        if (threadIdx.x % 128 != 0) return; // the producer of stages
        const bool one_pass = arguments.schedule.token_tiles == 1;
        const std::uint64_t weights_policy = cache_policy(one_pass ? Reuse::none : Reuse::nearby);
        const std::uint64_t inputs_policy = cache_policy(one_pass ? Reuse::everywhere : Reuse::nearby);
        if (!walk.next(part)) return;
        const auto copy_weights = [&](int to_stage, int bytes, const Part& at, int k, const std::uint8_t* weights) {
            const std::uint32_t barrier = full + 8 * to_stage;
            std::uint32_t to = stages + to_stage * Memory::bytes + Memory::input_bytes;
            barrier_expect(barrier, bytes + Memory::weight_bytes);
            bulk_copy(to, weights, 2 * Memory::block_bytes, barrier, weights_policy);
            if constexpr (sums == Sums::groups) {
                to += 2 * Memory::block_bytes;
                for (int group = k * groups_in_block; group < (k + 1) * groups_in_block; ++group, to += 512)
                    bulk_copy(to, arguments.group_scales + group * arguments.padded_outputs() + at.channel_tile * 128,
                              512, barrier, weights_policy);
            }
        };
        // The first stages' weights do not depend on the kernel before; their inputs may.
        int asked_for = min(Memory::count, part.end - part.begin);
        {
            const std::uint8_t* weights = weights_of(arguments, part);
            const int bytes = input_bytes_of(arguments, part);
            for (int i = 0; i < asked_for; ++i, weights += 2 * Memory::block_bytes)
                copy_weights(i, bytes, part, part.begin + i, weights);
        }
        wait_for_predecessor();
        do {
            const int bytes = input_bytes_of(arguments, part);
            const std::uint8_t* weights = weights_of(arguments, part);
            const std::int8_t* inputs =
                arguments.x +
                (static_cast<std::int64_t>(part.begin) * arguments.padded_tokens + part.token_tile * tile_tokens) * 128;
            for (int k = part.begin; k < part.end; ++k) {
                if (asked_for > 0) {
                    --asked_for;
                } else {
                    barrier_wait(empty + 8 * stage, phase ^ 1);
                    copy_weights(stage, bytes, part, k, weights);
                }
                bulk_copy(stages + stage * Memory::bytes, inputs, bytes, full + 8 * stage, inputs_policy);
                weights += 2 * Memory::block_bytes;
                inputs += arguments.padded_tokens * 128;
                if (++stage == Memory::count) {
                    stage = 0;
                    phase ^= 1;
                }
            }
        } while (walk.next(part));
        return;
    }

    take_registers<Memory::registers>();                  // with the producer's 40, no more than the launch had
    const int pair = warpgroup / 2, half = warpgroup % 2; // of the tile's outputs
    const int thread = static_cast<int>(threadIdx.x) % 128, lane = thread % 32, warp = thread / 32;
    constexpr bool apart = tile_tokens >= 128; // see "kept apart" above
    constexpr int lead = 3;
    bool first_part = true;
    std::uint32_t records_phase = 0;
    const Epilogue<tile_tokens, Memory::staging_tokens, Memory::staging_row> epilogue{
        arguments, half,    thread, lane, warp, shared + Memory::count * Memory::bytes + half * Memory::staged_bytes,
        records,   &is_last};
    int4* exchange = reinterpret_cast<int4*>(shared + Memory::count * Memory::bytes + Memory::staging_bytes) +
                     half * 128 + thread;                      // of this thread in either pair
    const StagePlace place{full, empty, stages, half, thread}; // for wgmma_groups.cuh
    // Corrections of a tile that a decoder is made of: asked for before the tile is begun.
    std::int32_t corrections[2] = {};
    const auto ask_for_corrections = [&](PartWalk ahead) {
        if (Part next; Decoder::uses_corrections && ahead.next(next)) {
            const ChannelRecord* channels =
                arguments.channels + next.channel_tile * 128 + half * 64 + warp * 16 + lane / 4;
            corrections[0] = __ldg(&channels[0].correction);
            corrections[1] = __ldg(&channels[8].correction);
        }
    };
    ask_for_corrections(walk);
    wait_for_predecessor();
    int d[tile_tokens / 2];
    std::uint32_t stages_before = 0; // of all parts before this one
    using Groups = GroupLoop<Decoder, Memory, groups_in_block, tile_tokens>;
    if constexpr (sums == Sums::groups) Groups::begin_turns(half);
    while (walk.next(part)) {
        Decoder decoder;
        decoder.for_tile(corrections);
        if constexpr (sums == Sums::groups) {
            float grouped[tile_tokens / 2] = {};
            Groups{place, decoder, grouped}.run(part, stage, phase);
            ask_for_corrections(walk);
            barrier_wait(records_full, records_phase);
            records_phase ^= 1;
            epilogue.store(grouped, part, epilogue.all_chunks);
            __syncwarp();
            if (lane == 0) barrier_arrive(records_empty);
            continue;
        }
        if (apart && first_part && warpgroup == 1) named_barrier(4, 256);
#pragma unroll
        for (int i = 0; i < tile_tokens / 2; ++i) d[i] = 0;
        std::uint32_t a[4][4];
        int first = part.begin;
        if constexpr (in_turn) { // the pair's stages are those of even, or of odd number
            const std::uint32_t mine = (stages_before + pair) % 2;
            first += static_cast<int>(mine);
            stage = static_cast<int>((stages_before + mine) % Memory::count);
            phase = (stages_before + mine) / Memory::count % 2;
            stages_before += part.end - part.begin;
        }
        int before = stage;
        const auto hand_back = [&](bool there) {
            if (there && lane == 0) barrier_arrive(empty + 8 * before);
        };
        for (int k = first; k < part.end; k += Memory::pairs) {
            barrier_wait(full + 8 * stage, phase);
            const std::uint32_t inputs = stages + stage * Memory::bytes;
            const std::uint64_t rows = swizzled_rows(inputs);
            if constexpr (from_registers) {
                const std::uint32_t block = inputs + Memory::input_bytes + half * Memory::block_bytes;
                const uint4 half0 = shared_16_bytes(block + thread * 16);
                const uint4 half1 = shared_16_bytes(block + (128 + thread) * 16);
                if constexpr (in_turn) wgmma_wait<0>(); // the products that read `a` are done
#pragma unroll
                for (int step = 0; step < 4; ++step) {
                    if constexpr (Decoder::has_constants)
                        if (step % (4 / groups_in_block) == 0)
                            decoder.for_group(shared_word(block + 4096 + step / (4 / groups_in_block) * 128 +
                                                          (warp * 8 + lane / 4) * 4));
                    const uint4& codes = step < 2 ? half0 : half1;
                    if constexpr (!in_turn) wgmma_wait<3>(); // the product that read a[step] last time is done
                    decoder.template bytes<0>(step % 2 == 0 ? codes.x : codes.z, a[step][0], a[step][2]);
                    decoder.template bytes<1>(step % 2 == 0 ? codes.y : codes.w, a[step][1], a[step][3]);
                    if constexpr (!in_turn) {
                        wgmma_fence();
                        Wgmma<tile_tokens>::unsigned_registers(d, a[step], rows + 2 * step);
                        wgmma_commit();
                    }
                }
                if constexpr (in_turn) {
                    wgmma_fence();
#pragma unroll
                    for (int step = 0; step < 4; ++step)
                        Wgmma<tile_tokens>::unsigned_registers(d, a[step], rows + 2 * step);
                    wgmma_commit();
                }
            } else {
                const std::uint64_t weights = swizzled_rows(inputs + Memory::input_bytes + half * 8192);
                wgmma_fence();
#pragma unroll
                for (int step = 0; step < 4; ++step)
                    Wgmma<tile_tokens>::signed_shared(d, weights + 2 * step, rows + 2 * step);
                wgmma_commit();
                wgmma_wait<1>();
            }
            hand_back(k > first);
            if (apart && first_part && warpgroup == 0 && k == min(part.begin + lead, part.end - 1))
                named_barrier_arrive(4, 256);
            before = stage;
            stage += Memory::pairs;
            if (stage >= Memory::count) {
                stage -= Memory::count;
                phase ^= 1;
            }
        }
        ask_for_corrections(walk);
        wgmma_wait<0>();
        hand_back(first < part.end);
        if constexpr (in_turn) {
            constexpr int given = 5, taken = 6; // named barriers
            if (pair == 1) {
                if (!first_part) named_barrier(taken, 512);
#pragma unroll
                for (int i = 0; i < tile_tokens / 8; ++i)
                    exchange[i * 256] = make_int4(d[4 * i], d[4 * i + 1], d[4 * i + 2], d[4 * i + 3]);
                named_barrier_arrive(given, 512);
                first_part = false;
                continue;
            }
            named_barrier(given, 512);
#pragma unroll
            for (int i = 0; i < tile_tokens / 8; ++i) {
                const int4 other = exchange[i * 256];
                d[4 * i] += other.x;
                d[4 * i + 1] += other.y;
                d[4 * i + 2] += other.z;
                d[4 * i + 3] += other.w;
            }
            Part after;
            if (PartWalk ahead = walk; ahead.next(after)) named_barrier_arrive(taken, 512);
        }
        first_part = false;
        const bool whole = sums == Sums::groups || (part.begin == 0 && part.end == arguments.schedule.input_blocks);
        const unsigned mine = whole ? epilogue.all_chunks : epilogue.complete(d, part);
        barrier_wait(records_full, records_phase);
        records_phase ^= 1;
        if (mine != 0) epilogue.store(d, part, mine);
        __syncwarp();
        if (lane == 0) barrier_arrive(records_empty);
    }
    if constexpr (sums == Sums::groups) Groups::end_turns(half);
}

} // namespace graticule::cuda
