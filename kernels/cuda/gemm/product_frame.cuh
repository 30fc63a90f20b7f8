// What the products of all cards share: the way from exact sums to y. A thread block has 256 threads that hold sums in
// the end, two groups of four warps with 64 outputs each ("warpgroups"); a warp holds 16 outputs x tile_tokens as m16n8
// accumulators lie: register 4 j + e of lane l is row l / 4 (e < 2) or l / 4 + 8, token 8 j + 2 (l mod 4) + e mod 2.
// wgmma and mma.sync agree in that. Parts of tiles are added up in part_sums.cuh.
//
// **Epilogue.** What it must know of the tile's tokens and outputs lies in shared memory by then (TileRecords). 32
// tokens at a time are scaled, rounded to 16 bits, transposed through shared memory and stored in 16-byte pieces of
// 128-byte rows of y. f32 and i32 are stored from registers.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <type_traits>

#include "kernels/cuda/gemm/part_sums.cuh"

namespace graticule::cuda {

__device__ __forceinline__ std::uint32_t shared_address(const void* pointer) {
    return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
}

__device__ __forceinline__ std::uint32_t two_halves(float a, float b, ValueType type) {
    if (type == ValueType::bf16) {
        const __nv_bfloat162 pair = __floats2bfloat162_rn(a, b);
        return *reinterpret_cast<const std::uint32_t*>(&pair);
    }
    const __half2 pair = __floats2half2_rn(a, b);
    return *reinterpret_cast<const std::uint32_t*>(&pair);
}

/// How a kernel adds: exact sums throughout, or groups in float32.
enum class Sums { exact, groups };

/// One output's place in the numeric contract of gemm.h; written with intrinsics so that no flag can fuse it.
__device__ __forceinline__ float scaled(std::int32_t sum, float x_scale, const ChannelRecord& channel) {
    return __fadd_rn(__fmul_rn(__fmul_rn(__int2float_rn(sum), x_scale), channel.scale), channel.bias);
}

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

/// Shared memory on the way from sums to y.
template <int tile_tokens>
struct Staging {
    static constexpr int staging_tokens = tile_tokens < 32 ? tile_tokens : 32;
    static constexpr int staging_row = 144; ///< 64 outputs of 16 bits and 16 bytes against bank conflicts
    static constexpr int staged_bytes = staging_tokens * staging_row; ///< of one warpgroup
    static constexpr int staging_bytes = 2 * staged_bytes + static_cast<int>(sizeof(TileRecords<tile_tokens>));
};

/// The sums of one warpgroup's 64 outputs, and what becomes of them.
template <int tile_tokens, int staging_tokens, int staging_row>
struct Epilogue {
    using Parts = PartSums<tile_tokens, staging_tokens>;
    static constexpr int chunks = Parts::chunks, pieces = Parts::pieces;
    static constexpr unsigned all_chunks = Parts::all_chunks;

    const ProductArguments& arguments;
    int warpgroup;
    int thread, lane, warp; ///< within the warpgroup
    std::uint8_t* staged;   ///< of this warpgroup
    const TileRecords<tile_tokens>* records;
    std::int32_t* is_last;

    /// Where the tile has several parts (PartSums): the chunks that this thread block is to store.
    __device__ unsigned complete(int (&d)[tile_tokens / 2], const Part& part) const {
        return Parts{arguments, warpgroup, thread, is_last}.complete(d, part);
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
