// What the products of all cards share: their arguments, the walk over parts of tiles, and the way from exact sums to
// y. A thread block is 256 threads that hold sums, two groups of four warps with 64 outputs each ("warpgroups"); a
// warp holds 16 outputs x tile_tokens as m16n8 accumulators lie: register 4 j + e of lane l is row l / 4 (e < 2) or l
// / 4 + 8, token 8 j + 2 (l mod 4) + e mod 2. wgmma and mma.sync agree in that.
//
// **Parts of tiles** (schedule.h): each part is written to the workspace as it lies in registers, 16 bytes per thread
// and coalesced; a ticket per tile tells the last to arrive, which adds the others' parts to the sums it still has.
// Where a tile is split evenly among thread blocks that have no other part, they share that work: each waits for the
// others (they all run at once) and finishes a share of the tile's tokens. One write and one read per part, no
// atomics on sums, and since integers add exactly, the same bits whatever the order. Tickets are back at 0
// afterwards. Up to 16 tokens, sums travel with flags instead (complete_flagged): a ticket behind a fence takes 2 us,
// a third of a small product.
//
// **Epilogue.** What it must know of the tile's tokens and outputs lies in shared memory by then (TileRecords). 32
// tokens at a time are scaled, rounded to 16 bits, transposed through shared memory and stored in 16-byte pieces of
// 128-byte rows of y. f32 and i32 are stored from registers.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <type_traits>

#include "kernels/api/gemm.h"
#include "kernels/cuda/gemm/packed_weight.h"
#include "kernels/cuda/gemm/schedule.h"

namespace graticule::cuda {

__device__ __forceinline__ std::uint32_t shared_address(const void* pointer) {
    return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
}

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
    const std::int8_t* x;
    const float* x_scale;
    const float* x_zero; ///< or null
    const std::int32_t* row_sum;
    void* y;
    std::int64_t y_stride;
    std::int32_t* tickets; ///< one per split tile, all zero
    int4* parts;
    std::int32_t outputs, tokens, padded_tokens;
    ValueType output;
    bool wide_stores; ///< y's rows allow 16-byte stores
    Schedule schedule;
};

/// A part of a tile: inputs [begin, end) in blocks of 128.
struct Part {
    std::int32_t tile, channel_tile, token_tile, begin, end;
};

/// Walks the parts of one thread block; every thread of it walks alike.
class PartWalk {
public:
    __device__ explicit PartWalk(const Schedule& schedule)
        : schedule_(schedule)
        , tile_(schedule.split_tiles + static_cast<std::int32_t>(blockIdx.x)) {
        const std::int32_t units = schedule.split_tiles * schedule.input_blocks;
        const auto block = static_cast<std::int32_t>(blockIdx.x);
        if (block < schedule.split_blocks) {
            unit_ = units * block / schedule.split_blocks;
            unit_end_ = units * (block + 1) / schedule.split_blocks;
        }
    }
    __device__ bool next(Part& part) {
        if (unit_ < unit_end_) {
            part.tile = unit_ / schedule_.input_blocks;
            part.begin = unit_ - part.tile * schedule_.input_blocks;
            part.end = min(schedule_.input_blocks, part.begin + unit_end_ - unit_);
            unit_ += part.end - part.begin;
        } else {
            if (tile_ >= schedule_.channel_tiles * schedule_.token_tiles) return false;
            part.tile = tile_;
            part.begin = 0;
            part.end = schedule_.input_blocks;
            tile_ += static_cast<std::int32_t>(gridDim.x);
        }
        const std::int32_t per_raster = schedule_.raster * schedule_.token_tiles;
        const std::int32_t raster = part.tile / per_raster, within = part.tile % per_raster;
        const std::int32_t wide = min(schedule_.raster, schedule_.channel_tiles - raster * schedule_.raster);
        part.channel_tile = raster * schedule_.raster + within % wide;
        part.token_tile = within / wide;
        return true;
    }

private:
    const Schedule& schedule_;
    std::int32_t unit_ = 0, unit_end_ = 0, tile_;
};

/// The first and last thread block with a part of a split tile.
struct Contributors {
    std::int32_t first, last;
    __device__ Contributors(const Schedule& s, std::int32_t tile) {
        const std::int32_t units = s.split_tiles * s.input_blocks, begin = tile * s.input_blocks;
        first = ((begin + 1) * s.split_blocks - 1) / units;
        last = ((begin + s.input_blocks) * s.split_blocks - 1) / units;
    }
};

__device__ __forceinline__ std::uint32_t two_halves(float a, float b, ValueType type) {
    if (type == ValueType::bf16) {
        const __nv_bfloat162 pair = __floats2bfloat162_rn(a, b);
        return *reinterpret_cast<const std::uint32_t*>(&pair);
    }
    const __half2 pair = __floats2half2_rn(a, b);
    return *reinterpret_cast<const std::uint32_t*>(&pair);
}

/// One output's place in the numeric contract of gemm.h; written with intrinsics so that no flag can fuse it.
__device__ __forceinline__ float scaled(std::int32_t sum, float x_scale, const ChannelRecord& channel) {
    return __fadd_rn(__fmul_rn(__fmul_rn(__int2float_rn(sum), x_scale), channel.scale), channel.bias);
}

/// Tiles of up to this many tokens send their sums with flags; the room for them lies behind the tickets.
inline constexpr int flagged_tile_tokens = 16;
inline constexpr int most_blocks = 256; ///< that the room is for
inline constexpr std::int64_t tickets_bytes = std::int64_t{1} << 16;
static_assert(gemm_counter_bytes == tickets_bytes + most_blocks * 128 * flagged_tile_tokens * sizeof(std::int64_t));

/// What the epilogue knows of a tile, in shared memory. Tokens past the end are zeros.
template <int tile_tokens>
struct alignas(16) TileRecords {
    float scale[tile_tokens];
    std::int32_t row_sum[tile_tokens];
    std::int32_t zero[tile_tokens];
    ChannelRecord channels[128];

    /// Fetched by `count` threads, of which this is number `index`.
    __device__ void fetch(const ProductArguments& arguments, const Part& part, int index, int count) {
        for (int i = index; i < tile_tokens; i += count) {
            const int token = part.token_tile * tile_tokens + i;
            const bool there = token < arguments.tokens;
            scale[i] = there ? __ldg(arguments.x_scale + token) : 0.0F;
            row_sum[i] = there ? __ldg(arguments.row_sum + token) : 0;
            zero[i] = there && arguments.x_zero != nullptr ? __float2int_rn(__ldg(arguments.x_zero + token)) : 0;
        }
        const auto* from = reinterpret_cast<const int4*>(arguments.channels + part.channel_tile * 128);
        for (int i = index; i < 128; i += count) reinterpret_cast<int4*>(channels)[i] = __ldg(from + i);
    }
};

/// The sums of one warpgroup's 64 outputs, and what becomes of them.
template <int tile_tokens, int staging_tokens, int staging_row>
struct Epilogue {
    static constexpr int chunks = tile_tokens / staging_tokens;
    static constexpr int pieces = tile_tokens / 8;
    static constexpr unsigned all_chunks = (1U << chunks) - 1U;

    const ProductArguments& arguments;
    int warpgroup;
    int thread, lane, warp; ///< within the warpgroup
    std::uint8_t* staged;   ///< of this warpgroup
    const TileRecords<tile_tokens>* records;
    std::int32_t* is_last;

    /// Sums of this part to the workspace, the others' parts to `d`. Which chunks of the tile this thread block is to
    /// store: the last to arrive stores all; where every thread block has just one part (an even split), they wait
    /// for each other and share the chunks.
    __device__ unsigned complete(int (&d)[tile_tokens / 2], const Part& part) const {
        if constexpr (tile_tokens <= flagged_tile_tokens) return complete_flagged(d, part);
        const Schedule& schedule = arguments.schedule;
        const Contributors contributors(schedule, part.tile);
        const int me = static_cast<int>(blockIdx.x) - contributors.first;
        const int shares = contributors.last - contributors.first + 1;
        const bool even = chunks > 1 && schedule.split_blocks % schedule.split_tiles == 0;
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

    /// The chunks `mine` of the tile to y. `d`: exact sums, or sums of groups already times their scales (float).
    template <class Sum>
    __device__ void store(const Sum (&d)[tile_tokens / 2], const Part& part, unsigned mine) const {
        if (arguments.output == ValueType::bf16 || arguments.output == ValueType::f16)
            store_halves(d, part, mine);
        else
            store_words(d, part, mine);
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
    /// A part's sums in the workspace, as this thread holds them: `pieces` times 16 bytes, 256 threads apart. A
    /// thread block has at most two parts that are no whole tiles: one that ends a tile, then one that begins a tile.
    __device__ int4* part_of(std::int32_t block, bool begins_tile) const {
        return arguments.parts + (static_cast<std::int64_t>(block) * 2 + (begins_tile ? 1 : 0)) * pieces * 256 +
               warpgroup * 128 + thread;
    }
    /// Two rows of two tokens to where rows are tokens. Hopper transposes 8 x 8 blocks on the way; no "memory"
    /// clobber, so that the next tokens' values can be on their way, and a barrier follows before the bytes are read.
    __device__ void stage(int piece, std::uint32_t upper, std::uint32_t lower) const {
#if __CUDA_ARCH__ >= 900
        const std::uint32_t to =
            shared_address(staged) + (piece * 8 + lane % 8) * staging_row + warp * 32 + (lane / 8 % 2) * 16;
        asm volatile("stmatrix.sync.aligned.m8n8.x2.trans.shared.b16 [%0], {%1, %2};" ::"r"(to), "r"(upper),
                     "r"(lower));
#else
        std::uint8_t* to = staged + (piece * 8 + lane % 4 * 2) * staging_row + (warp * 16 + lane / 4) * 2;
        *reinterpret_cast<std::uint16_t*>(to) = static_cast<std::uint16_t>(upper);
        *reinterpret_cast<std::uint16_t*>(to + staging_row) = static_cast<std::uint16_t>(upper >> 16);
        *reinterpret_cast<std::uint16_t*>(to + 16) = static_cast<std::uint16_t>(lower);
        *reinterpret_cast<std::uint16_t*>(to + staging_row + 16) = static_cast<std::uint16_t>(lower >> 16);
#endif
    }
    static __device__ std::int32_t load_acquire(const std::int32_t* from) {
        std::int32_t value;
        asm volatile("ld.acquire.gpu.global.s32 %0, [%1];" : "=r"(value) : "l"(from) : "memory");
        return value;
    }
    /// What is known of one token.
    struct Token {
        float scale;
        std::int32_t row_sum, zero;
    };
    /// One sum as y and, of exact sums, as the integer it stands for.
    template <class Sum>
    static __device__ float value_of(Sum sum, const ChannelRecord& channel, const Token& token, std::int32_t& integer) {
        if constexpr (std::is_same_v<Sum, float>) {
            integer = 0;
            return __fadd_rn(__fmul_rn(sum, token.scale), channel.bias);
        } else {
            integer = sum - channel.correction * token.row_sum - channel.weight_sum * token.zero;
            return scaled(integer, token.scale, channel);
        }
    }
    /// 16-bit outputs: through shared memory, where rows are tokens, in 16-byte pieces.
    template <class Sum>
    __device__ void store_halves(const Sum (&d)[tile_tokens / 2], const Part& part, unsigned mine) const {
        const int row = warpgroup * 64 + warp * 16 + lane / 4;
        const ChannelRecord upper = records->channels[row], lower = records->channels[row + 8];
        const int first_token = part.token_tile * tile_tokens, there = arguments.tokens - first_token;
        const int output = part.channel_tile * 128 + warpgroup * 64 + thread % 8 * 8;
        const bool wide = arguments.wide_stores && output + 8 <= arguments.outputs;
        std::uint16_t* y =
            static_cast<std::uint16_t*>(arguments.y) + (first_token + thread / 8) * arguments.y_stride + output;
#pragma unroll
        for (int chunk = 0; chunk < chunks; ++chunk) {
            if (chunk * staging_tokens >= there) break;
            if ((mine >> chunk & 1U) == 0) continue;
#pragma unroll
            for (int piece = 0; piece < staging_tokens / 8; ++piece) {
                const Sum* at = d + (chunk * staging_tokens / 8 + piece) * 4;
                const int in_tile = chunk * staging_tokens + piece * 8 + lane % 4 * 2; // and the token behind it
                const float2 scale = *reinterpret_cast<const float2*>(records->scale + in_tile);
                const int2 row_sum = *reinterpret_cast<const int2*>(records->row_sum + in_tile);
                const int2 zero = *reinterpret_cast<const int2*>(records->zero + in_tile);
                const Token first{scale.x, row_sum.x, zero.x}, second{scale.y, row_sum.y, zero.y};
                std::int32_t unused;
                stage(piece,
                      two_halves(value_of(at[0], upper, first, unused), value_of(at[1], upper, second, unused),
                                 arguments.output),
                      two_halves(value_of(at[2], lower, first, unused), value_of(at[3], lower, second, unused),
                                 arguments.output));
            }
            named_barrier(2 + warpgroup, 128);
#pragma unroll
            for (int first = 0; first < staging_tokens; first += 16) {
                const int in_chunk = first + thread / 8;
                if (in_chunk < staging_tokens && chunk * staging_tokens + in_chunk < there)
                    store_piece(staged + in_chunk * staging_row + thread % 8 * 16,
                                y + (chunk * staging_tokens + first) * arguments.y_stride, wide, output);
            }
            named_barrier(2 + warpgroup, 128); // read, may be overwritten
        }
    }
    /// Eight 16-bit outputs of one token.
    __device__ void store_piece(const std::uint8_t* from, std::uint16_t* to, bool wide, int output) const {
        if (wide) {
            *reinterpret_cast<uint4*>(to) = *reinterpret_cast<const uint4*>(from);
            return;
        }
#pragma unroll 1
        for (int i = 0; i < 8 && output + i < arguments.outputs; ++i)
            to[i] = reinterpret_cast<const std::uint16_t*>(from)[i];
    }
    /// 32-bit outputs, from registers: eight lanes write eight neighbouring outputs of one token.
    template <class Sum>
    __device__ void store_words(const Sum (&d)[tile_tokens / 2], const Part& part, unsigned mine) const {
        const int row = warpgroup * 64 + warp * 16 + lane / 4, output = part.channel_tile * 128 + row;
        const ChannelRecord channels[2] = {records->channels[row], records->channels[row + 8]};
        const int first_token = part.token_tile * tile_tokens, there = arguments.tokens - first_token;
        std::int32_t* y = static_cast<std::int32_t*>(arguments.y) + first_token * arguments.y_stride + output;
#pragma unroll
        for (int piece = 0; piece < pieces; ++piece) {
            if ((mine >> (piece * 8 / staging_tokens) & 1U) == 0) continue;
#pragma unroll
            for (int e = 0; e < 4; ++e) {
                const int in_tile = piece * 8 + lane % 4 * 2 + e % 2;
                if (in_tile >= there || output + e / 2 * 8 >= arguments.outputs) continue;
                const Token token{records->scale[in_tile], records->row_sum[in_tile], records->zero[in_tile]};
                std::int32_t integer;
                const float value = value_of(d[4 * piece + e], channels[e / 2], token, integer);
                y[in_tile * arguments.y_stride + e / 2 * 8] =
                    arguments.output == ValueType::i32 ? integer : __float_as_int(value);
            }
        }
    }
};

} // namespace graticule::cuda
