// The integer product for every card from compute capability 8.0 on, by mma.sync m16n8k32: the same packed weights,
// the same tiles of inputs, the same decoders and the same bits as wgmma_product.cuh, which is faster where it runs.
// And the grain `group` everywhere, whose groups are added in float32.
//
// **Formula.** As in wgmma_product.cuh, and for `group`, whose weights are decoded to signed bytes so that nothing is
// to be taken off: s = fma(float(sum of a group), scale[group, n], s) in the order of the groups, y = s x_scale +
// bias.
//
// **Parallel split.** A thread block of eight warps computes 128 outputs x tile_tokens; each warp 16 outputs with all
// the tile's tokens. A stage of shared memory holds 128 inputs, filled by cp.async in 16-byte pieces, several stages
// ahead; ldmatrix reads two groups of eight tokens at a time, conflict-free since pieces are swizzled.
//
// clang-format off
//     thread block = 128 outputs x tile_tokens                  one stage of shared memory, 128 inputs
//
//     warps 0 ... 3:  outputs  0 ...  15, ... 48 ...  63        +------------------------+
//     warps 4 ... 7:  outputs 64 ...  79, ... 112 ... 127       | x, tile_tokens x 128   |  pieces of 16 bytes, turned
//     all of them copy the stages ahead                         | outputs  0 ...  63     |  as tiles of gemm.h are
//                                                               | outputs 64 ... 127     |  codes (packed_weight.h),
//     warp:  16 outputs x 32 inputs (registers, decoded)        +------------------------+  constants behind them
//            times 8 tokens x 32 inputs (ldmatrix), tile_tokens / 8 times
// clang-format on
//
// Parts of tiles are part_sums.cuh's; grain `group` computes whole tiles only, for its order of additions.
//
// **Limits.** Those of wgmma_product.cuh; groups of 32, 64 and 128; `group` takes no input zero points (the
// correction would need the row sums of groups). Shared memory stays below the 99 KiB of the smallest cards.
#pragma once

#include "kernels/cuda/gemm/decode.cuh"
#include "kernels/cuda/gemm/product_frame.cuh"
#include "kernels/cuda/gemm/staged_copies.cuh"

namespace graticule::cuda {

struct MmaArguments {
    ProductArguments product;
    std::int32_t block_bytes;
    std::int32_t steps_per_group; ///< of 32 inputs within a block of 128: 1, 2 or 4
};

/// Decodes nothing: bytes are loaded as they lie.
struct Int8Bytes {
    static constexpr bool has_constants = false;
};

template <class Decoder, int tile_tokens>
struct MmaStages : Staging<tile_tokens> {
    static constexpr bool bytes_weights = std::is_same_v<Decoder, Int8Bytes>;
    static constexpr int input_bytes = tile_tokens * 128;
    static constexpr int most_block_bytes = bytes_weights ? 8192 : 4096 + (Decoder::has_constants ? 512 : 0);
    static constexpr int bytes = input_bytes + 2 * most_block_bytes;
    static constexpr int available = 99 * 1024 - 2048 - Staging<tile_tokens>::staging_bytes;
    static constexpr int count = available / bytes < 6 ? available / bytes : 6;
    static constexpr int total = 128 + count * bytes + Staging<tile_tokens>::staging_bytes;
};

/// Four 8 x 16-byte matrices; lane l gives the address of row l mod 8 of matrix l / 8.
__device__ __forceinline__ void load_matrices(std::uint32_t (&r)[4], std::uint32_t address) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(address)
                 : "memory");
}

template <bool is_unsigned>
__device__ __forceinline__ void multiply_add(int* d, const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1) {
    if constexpr (is_unsigned)
        asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32 "
                     "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                     : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3])
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
    else
        asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 "
                     "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                     : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3])
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

template <class Decoder, Sums sums, int tile_tokens>
__global__ void __launch_bounds__(256) mma_product(const __grid_constant__ MmaArguments arguments) {
    using Memory = MmaStages<Decoder, tile_tokens>;
    constexpr bool decodes = !Memory::bytes_weights;
    constexpr bool is_unsigned = decodes && sums == Sums::exact;
    extern __shared__ __align__(128) std::uint8_t shared[];
    __shared__ std::int32_t is_last;
    const ProductArguments& product = arguments.product;
    const int thread = static_cast<int>(threadIdx.x) % 128, warpgroup = static_cast<int>(threadIdx.x) / 128;
    const int lane = thread % 32, warp = thread / 32;
    std::uint8_t* staged = shared + Memory::count * Memory::bytes;
    auto* records = reinterpret_cast<TileRecords<tile_tokens>*>(staged + 2 * Memory::staged_bytes);
    const Epilogue<tile_tokens, Memory::staging_tokens, Memory::staging_row> epilogue{
        product, warpgroup, thread, lane, warp, staged + warpgroup * Memory::staged_bytes, records, &is_last};

    BlockWalk ahead(product.schedule);
    int filled = 0; // the stage to be filled next
    const auto fill = [&] {
        if (ahead.there) {
            const std::uint32_t to = shared_address(shared) + filled * Memory::bytes;
            const int first_token = ahead.part.token_tile * tile_tokens;
            const int input_bytes = min(tile_tokens, product.padded_tokens - first_token) * 128;
            const std::int8_t* x =
                product.x + (static_cast<std::int64_t>(ahead.block) * product.padded_tokens + first_token) * 128;
            for (int at = static_cast<int>(threadIdx.x) * 16; at < input_bytes; at += 256 * 16)
                copy_16(to + at, x + at);
            const std::uint8_t* weights =
                product.blocks +
                (static_cast<std::int64_t>(ahead.part.channel_tile) * product.schedule.input_blocks + ahead.block) *
                    (2 * arguments.block_bytes);
            for (int at = static_cast<int>(threadIdx.x) * 16; at < 2 * arguments.block_bytes; at += 256 * 16)
                copy_16(to + Memory::input_bytes + at, weights + at);
            ahead.next();
        }
        copies_commit(); // an empty group where nothing is left, so that groups can be counted
        filled = filled + 1 == Memory::count ? 0 : filled + 1;
    };
    for (int i = 0; i < Memory::count - 1; ++i) fill();

    PartWalk walk(product.schedule);
    Part part;
    int stage = 0;
    int d[tile_tokens / 2];
    float grouped[sums == Sums::groups ? tile_tokens / 2 : 1];
    while (walk.next(part)) {
        const int first_row = part.channel_tile * 128 + warpgroup * 64 + warp * 16 + lane / 4;
        Decoder decoder;
        if constexpr (decodes) {
            const std::int32_t corrections[2] = {product.channels[first_row].correction,
                                                 product.channels[first_row + 8].correction};
            decoder.for_tile(corrections);
        }
#pragma unroll
        for (int i = 0; i < tile_tokens / 2; ++i) d[i] = 0;
        if constexpr (sums == Sums::groups) {
#pragma unroll
            for (int i = 0; i < tile_tokens / 2; ++i) grouped[i] = 0.0F;
        }
        for (int k = part.begin; k < part.end; ++k) {
            copies_wait<Memory::count - 2>();
            __syncthreads(); // this stage is there for all, and all are done with the one before
            fill();
            const std::uint32_t inputs = shared_address(shared) + stage * Memory::bytes;
            const std::uint8_t* block =
                shared + stage * Memory::bytes + Memory::input_bytes + warpgroup * arguments.block_bytes;
#pragma unroll
            for (int step = 0; step < 4; ++step) {
                std::uint32_t a[4];
                if constexpr (decodes) {
                    if (Decoder::has_constants && step % arguments.steps_per_group == 0)
                        decoder.for_group(*reinterpret_cast<const std::uint32_t*>(
                            block + 4096 + step / arguments.steps_per_group * 128 + (warp * 8 + lane / 4) * 4));
                    const uint2 words = reinterpret_cast<const uint2*>(block)[(step / 2 * 128 + thread) * 2 + step % 2];
                    decoder.template bytes<0>(words.x, a[0], a[2]);
                    decoder.template bytes<1>(words.y, a[1], a[3]);
                    if constexpr (!is_unsigned) {
#pragma unroll
                        for (std::uint32_t& four : a) four ^= 0x80808080U; // w + 128 to w
                    }
                } else {
                    const int row = warp * 16 + lane % 16, piece = 2 * step + lane / 16;
                    load_matrices(a, shared_address(block) + row * 128 + ((piece ^ (row % 8)) * 16));
                }
#pragma unroll
                for (int j = 0; j < tile_tokens / 8; j += 2) {
                    // Matrices: tokens 8 j ... with the step's two pieces, then tokens 8 j + 8 ... with the same.
                    const int token = min(8 * j + lane / 16 * 8, tile_tokens - 8) + lane % 8;
                    const int piece = 2 * step + lane / 8 % 2;
                    std::uint32_t b[4];
                    load_matrices(b, inputs + token * 128 + ((piece ^ (token % 8)) * 16));
                    multiply_add<is_unsigned>(d + 4 * j, a, b[0], b[1]);
                    if (j + 1 < tile_tokens / 8) multiply_add<is_unsigned>(d + 4 * j + 4, a, b[2], b[3]);
                }
                if constexpr (sums == Sums::groups) {
                    if ((step + 1) % arguments.steps_per_group == 0) {
                        const std::int64_t group =
                            k * (4 / arguments.steps_per_group) + step / arguments.steps_per_group;
                        const float* scales = product.group_scales + group * product.padded_outputs() + first_row;
                        const float scale[2] = {__ldg(scales), __ldg(scales + 8)};
#pragma unroll
                        for (int i = 0; i < tile_tokens / 2; ++i) {
                            grouped[i] = __fmaf_rn(__int2float_rn(d[i]), scale[i % 4 / 2], grouped[i]);
                            d[i] = 0;
                        }
                    }
                }
            }
            stage = stage + 1 == Memory::count ? 0 : stage + 1;
        }
        records->fetch(product, part, static_cast<int>(threadIdx.x), 256);
        __syncthreads();
        if constexpr (sums == Sums::groups) {
            epilogue.store(grouped, part, epilogue.all_chunks);
        } else {
            const bool whole = part.begin == 0 && part.end == product.schedule.input_blocks;
            const unsigned mine = whole ? epilogue.all_chunks : epilogue.complete(d, part);
            if (mine != 0) epilogue.store(d, part, mine);
        }
    }
    copies_wait<0>();
}

} // namespace graticule::cuda
