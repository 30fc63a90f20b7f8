// Parts of tiles (part_walk.h): how the sums of several thread blocks become one tile's.
//
// clang-format off
//     blocks of inputs of the split tiles, end to end          workspace, parts [thread block][ends a tile, begins one]
//
//     tile 0          tile 1          tile 2                   block 0:      -              tile 0's begin
//     +---------------+---------------+---------------+        block 1:  tile 0's end       tile 1's begin
//     | block 0 | block 1 | block 2 | block 3 | block 4 ...    block 2:  tile 1's middle        -
//     +---------------+---------------+---------------+        block 3:  tile 1's end       tile 2's begin
//
//     even split, two a tile:  | block 0 | block 1 |           each stores half of the tile's tokens
// clang-format on
//
// Each part is written to the workspace as it lies in registers, 16 bytes per thread and coalesced; a ticket per tile
// tells the last to arrive, which adds the others' parts to the sums it still has. Where a tile is split evenly among
// thread blocks that have no other part, they share that work: each waits for the others (they all run at once) and
// finishes a share of the tile's tokens. One write and one read per part, no atomics on sums, and since integers add
// exactly, the same bits whatever the order. Tickets are back at 0 afterwards.
//
// Up to 16 tokens, sums travel with flags instead (complete_flagged): a ticket behind a fence takes 2 us, a third of a
// small product.
//
// **Limits.** One product at a time on a card. Thread blocks of an even split, and with flags those that begin a tile,
// wait for others of the same launch, in a loop: a grid is no larger than what runs at once on a card that it has for
// itself, and nothing enforces that. Two products on two streams, or of two processes that share multiprocessors
// (MPS), could each hold some that the other's thread blocks wait for, and never end. The engine has one stream of
// products a card.
#pragma once

#include "kernels/api/gemm.h"
#include "kernels/cuda/gemm/packed_weight.h"
#include "kernels/cuda/gemm/part_walk.h"

namespace graticule::cuda {

/// Waits for `threads` threads at one of the 16 named barriers (0 is __syncthreads).
__device__ __forceinline__ void named_barrier(int id, int threads) {
    asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
}
__device__ __forceinline__ void named_barrier_arrive(int id, int threads) {
    asm volatile("bar.arrive %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

struct ProductArguments {
    const ChannelRecord* channels;
    const std::uint8_t* blocks;
    const float* group_scales; ///< (groups, padded_outputs()); grain `group`
    const std::int8_t* x;
    const float* x_scale;
    const float* x_zero; ///< or null
    const std::int32_t* row_sum;
    void* y;
    std::int64_t y_stride;
    std::int32_t* tickets; ///< one per split tile, all zero; tickets_bytes behind them the sums with flags
    int4* parts;
    std::int32_t outputs, tokens, padded_tokens;
    ValueType output;
    bool wide_stores; ///< y's rows allow 16-byte stores
    Schedule schedule;

    [[nodiscard]] __device__ std::int64_t padded_outputs() const { return std::int64_t{schedule.channel_tiles} * 128; }
};

/// The parts of this thread block (part_walk.h); every thread of it walks alike.
class PartWalk : public BlockParts {
public:
    __device__ explicit PartWalk(const Schedule& schedule)
        : BlockParts(schedule, static_cast<std::int32_t>(blockIdx.x), static_cast<std::int32_t>(gridDim.x)) {}
};

/// The sums of one warpgroup's 64 outputs of a part, and those of the tile's other parts.
template <int tile_tokens, int staging_tokens>
struct PartSums {
    static constexpr int chunks = tile_tokens / staging_tokens; ///< of tokens that are stored together
    static constexpr int pieces = tile_tokens / 8;
    static constexpr unsigned all_chunks = (1U << chunks) - 1U;

    const ProductArguments& arguments;
    int warpgroup, thread; ///< the thread's number within the warpgroup
    std::int32_t* is_last; ///< in shared memory

    /// Sums of this part to the workspace, the others' parts to `d`. Which chunks of the tile this thread block is to
    /// store: the last to arrive stores all; where every thread block has just one part (an even split), they wait
    /// for each other and share the chunks.
    __device__ unsigned complete(int (&d)[tile_tokens / 2], const Part& part) const {
        if constexpr (tile_tokens <= flagged_tile_tokens) return complete_flagged(d, part);
        const Schedule& schedule = arguments.schedule;
        const Contributors contributors(schedule, part.tile);
        const int me = static_cast<int>(blockIdx.x) - contributors.first;
        const int shares = contributors.last - contributors.first + 1;
        const bool even = chunks > 1 && is_even_split(schedule);
        const int there = min(tile_tokens, arguments.tokens - part.token_tile * tile_tokens);
        unsigned mine = even ? 0U : all_chunks;
        if (even) {
#pragma unroll
            for (int chunk = 0; chunk < chunks; ++chunk)
                if (chunk * shares / chunks == me) mine |= 1U << chunk;
        }
        int4* own = part_of(static_cast<std::int32_t>(blockIdx.x), part.begin == 0);
#pragma unroll
        for (int piece = 0; piece < pieces; ++piece)
            if (piece * 8 < there && (!even || (mine >> (piece * 8 / staging_tokens) & 1U) == 0))
                __stcg(own + piece * 256,
                       make_int4(d[4 * piece], d[4 * piece + 1], d[4 * piece + 2], d[4 * piece + 3]));
        __threadfence();
        named_barrier(1, 256);
        if (warpgroup == 0 && thread == 0) {
            std::int32_t* ticket = arguments.tickets + part.tile;
            std::int32_t arrived = atomicAdd(ticket, 1) + 1;
            if (even) {
                while (mine != 0 && (arrived & 0xFFFF) < shares) arrived = load_acquire(ticket);
            } else {
                *is_last = arrived == shares ? 1 : 0;
                if (arrived == shares) *ticket = 0;
            }
            __threadfence();
        }
        named_barrier(1, 256);
        if (!even && *is_last == 0) return 0; // overwritten only behind the next part's first barrier
        add_parts(d, contributors, there, mine);
        if (even) { // the last to leave puts the ticket back
            named_barrier(1, 256);
            if (warpgroup == 0 && thread == 0) {
                constexpr std::int32_t departure = 1 << 16;
                const std::int32_t before = atomicAdd(arguments.tickets + part.tile, departure);
                if (before / departure == shares - 1) arguments.tickets[part.tile] = 0;
            }
        }
        return mine;
    }

private:
    /// `complete` for tiles of few tokens: every sum travels with a flag in one 64-bit word, so that who waits for it
    /// reads the sum itself until it is there. The thread block whose part begins the tile adds up the others' and
    /// clears what it has read. It computes that part last, when those that end a tile, computed first, are there.
    __device__ unsigned complete_flagged(int (&d)[tile_tokens / 2], const Part& part) const {
        const int there = min(tile_tokens, arguments.tokens - part.token_tile * tile_tokens);
        if (part.begin != 0) {
#pragma unroll
            for (int piece = 0; piece < pieces; ++piece)
                if (piece * 8 < there)
                    send_flagged(flagged_of(static_cast<std::int32_t>(blockIdx.x), piece), d + 4 * piece);
            return 0;
        }
        const Contributors contributors(arguments.schedule, part.tile);
        constexpr int at_once = pieces == 1 ? 4 : 3; // thread blocks whose words are read at once
        for (std::int32_t block = contributors.first + 1; block <= contributors.last; block += at_once) {
            const auto wanted = [&](int i, int piece) { return block + i <= contributors.last && piece * 8 < there; };
            ulonglong2 words[at_once][pieces][2];
            bool complete;
            do {
                complete = true;
#pragma unroll
                for (int i = 0; i < at_once; ++i)
#pragma unroll
                    for (int piece = 0; piece < pieces; ++piece)
#pragma unroll
                        for (int half = 0; half < 2; ++half)
                            words[i][piece][half] = wanted(i, piece)
                                                        ? read_flagged(flagged_of(block + i, piece) + half * 256)
                                                        : ulonglong2{flag, flag};
#pragma unroll
                for (int i = 0; i < at_once; ++i)
#pragma unroll
                    for (int piece = 0; piece < pieces; ++piece)
#pragma unroll
                        for (int half = 0; half < 2; ++half)
                            complete = complete && (words[i][piece][half].x & words[i][piece][half].y & flag) != 0;
            } while (!complete);
#pragma unroll
            for (int i = 0; i < at_once; ++i)
#pragma unroll
                for (int piece = 0; piece < pieces; ++piece)
#pragma unroll
                    for (int half = 0; half < 2; ++half) {
                        d[4 * piece + 2 * half] += static_cast<int>(words[i][piece][half].x);
                        d[4 * piece + 2 * half + 1] += static_cast<int>(words[i][piece][half].y);
                        if (wanted(i, piece)) __stcg(flagged_of(block + i, piece) + half * 256, ulonglong2{0, 0});
                    }
        }
        return all_chunks;
    }
    static constexpr unsigned long long flag = 1ULL << 32;
    /// Where this thread of thread block `block` leaves four sums: two times two words, 256 threads apart. A thread
    /// block has at most one part that others finish.
    __device__ ulonglong2* flagged_of(std::int32_t block, int piece) const {
        auto* words = reinterpret_cast<ulonglong2*>(reinterpret_cast<std::uint8_t*>(arguments.tickets) + tickets_bytes);
        return words + (static_cast<std::int64_t>(block) * pieces + piece) * 512 + warpgroup * 128 + thread;
    }
    static __device__ void send_flagged(ulonglong2* to, const int* sums) {
#pragma unroll
        for (int half = 0; half < 2; ++half)
            asm volatile("st.relaxed.gpu.global.v2.b64 [%0], {%1, %2};" ::"l"(to + half * 256),
                         "l"(static_cast<std::uint32_t>(sums[2 * half]) | flag),
                         "l"(static_cast<std::uint32_t>(sums[2 * half + 1]) | flag)
                         : "memory");
    }
    static __device__ ulonglong2 read_flagged(const ulonglong2* from) {
        ulonglong2 words;
        asm volatile("ld.relaxed.gpu.global.v2.b64 {%0, %1}, [%2];"
                     : "=l"(words.x), "=l"(words.y)
                     : "l"(from)
                     : "memory");
        return words;
    }
    /// The chunks `mine` of all other parts, several parts at a time so that their loads overlap.
    __device__ void add_parts(int (&d)[tile_tokens / 2], const Contributors& contributors, int there,
                              unsigned mine) const {
        constexpr int pieces_of_chunk = staging_tokens / 8;
        constexpr int at_once = tile_tokens == 64 ? 4 : 2; // as many as there are registers for
        const auto me = static_cast<std::int32_t>(blockIdx.x);
        for (std::int32_t block = contributors.first; block <= contributors.last; block += at_once) {
#pragma unroll
            for (int chunk = 0; chunk < chunks; ++chunk) {
                if ((mine >> chunk & 1U) == 0 || chunk * staging_tokens >= there) continue;
                int4 sums[at_once][pieces_of_chunk];
#pragma unroll
                for (int i = 0; i < at_once; ++i) {
                    const std::int32_t other = block + i;
                    const int4* from = part_of(other, other == contributors.first);
#pragma unroll
                    for (int k = 0; k < pieces_of_chunk; ++k) {
                        const int piece = chunk * pieces_of_chunk + k;
                        const bool wanted = piece * 8 < there && other != me && other <= contributors.last;
                        sums[i][k] = wanted ? __ldcg(from + piece * 256) : make_int4(0, 0, 0, 0);
                    }
                }
#pragma unroll
                for (int i = 0; i < at_once; ++i)
#pragma unroll
                    for (int k = 0; k < pieces_of_chunk; ++k) {
                        int* to = d + 4 * (chunk * pieces_of_chunk + k);
                        to[0] += sums[i][k].x;
                        to[1] += sums[i][k].y;
                        to[2] += sums[i][k].z;
                        to[3] += sums[i][k].w;
                    }
            }
        }
    }
    /// A part's sums in the workspace, as this thread holds them: `pieces` times 16 bytes, 256 threads apart.
    __device__ int4* part_of(std::int32_t block, bool begins_tile) const {
        return arguments.parts + part_place(block, begins_tile) * pieces * 256 + warpgroup * 128 + thread;
    }
    static __device__ std::int32_t load_acquire(const std::int32_t* from) {
        std::int32_t value;
        asm volatile("ld.acquire.gpu.global.s32 %0, [%1];" : "=r"(value) : "l"(from) : "memory");
        return value;
    }
};

} // namespace graticule::cuda
