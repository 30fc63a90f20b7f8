// How the GPU's products hold a weight: one layout for wgmma (sm_90a) and mma.sync (sm_80 and newer), because the first
// operand of m64k32 is four warps' m16k32.
//
// Packed: channels ChannelRecord (outputs, rounded up to 128) | blocks [outputs / 128][inputs / 128][2] of 64 x 128
// weights, both rounded up. A block of 4-bit codes is 4,096 bytes of codes in the order in which threads want them,
// then per group of inputs 128 bytes of constants (dual grain) or none (channel, group):
//
// clang-format off
//     codes:     [half 0 ... 1][thread 0 ... 127] of 16 bytes. Thread: warp w, lane l; row g = 16 w + l / 4,
//                k = 4 (l mod 4)
//     16 bytes:  four words: rows g and g + 8 of step 2 half, rows g and g + 8 of step 2 half + 1
//     word:      eight codes: first  = (row, 32 step      + k ... k + 3)
//                             second = (row, 32 step + 16 + k ... k + 3)
//                INT4:  byte i = first[i] | second[i] << 4
//                dINT4: nibble i = first[i], nibble 4 + i = second[i], as dint_nibble (decode.cuh) codes them
//     constants: [group][w][l / 4] of four bytes: scale and zero of row g, scale and zero of row g + 8
// clang-format on
//
// A block of 8-bit weights is 64 rows of 128 bytes (code - 128) with their 16-byte pieces permuted: piece p of row r
// lies at place p ^ (r mod 8), a shared-memory operand of wgmma as it stands.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/api/gemm.h"

namespace graticule::cuda {

/// What the epilogue knows of an output.
struct ChannelRecord {
    float scale;             ///< of the integer sum
    float bias;              ///< -0 where there is none
    std::int32_t correction; ///< the sum holds this times the token's row sum too much
    std::int32_t weight_sum; ///< of all inputs: what an input zero point of 1 adds
};

inline constexpr std::int64_t block_rows = 64, block_inputs = 128, tile_rows = 128;

/// wgmma_row.cu's names of CodeKind.
using BlockFormat = CodeKind;
[[nodiscard]] inline bool has_block_format(const CodeGrid& grid) { return !no_fast_product({0, 1, 1, &grid}); }
[[nodiscard]] inline BlockFormat block_format(const CodeGrid& grid) { return code_kind(grid); }

inline constexpr std::int64_t most_packed_inputs = 65536; ///< whose sums stay within 32 bits on the way
/// Why the packed layout does not hold a problem's weight.
[[nodiscard]] inline std::optional<std::string> not_packed(const GemmProblem& problem) {
    if (auto reason = no_fast_product(problem)) return reason;
    if (problem.inputs > most_packed_inputs)
        return std::to_string(problem.inputs) + " inputs; " + std::to_string(most_packed_inputs) + " are possible";
    return std::nullopt;
}

/// Groups of inputs within a block of 128; 1 for `channel`, whose blocks hold no constants.
[[nodiscard]] constexpr std::int64_t groups_per_block(const GemmProblem& problem) {
    return problem.grain == GemmGrain::channel ? 1 : block_inputs / problem.group;
}

inline constexpr int block_words = 1024; ///< of a block of 4-bit codes, eight codes each

/// Row of a word's codes in its block and input of its first; the second four are 16 inputs behind.
struct WordPlace {
    int row, input;
};
[[nodiscard]] constexpr WordPlace place_of_word(int word) {
    const int thread = word / 4 % 128, step = word / 512 * 2 + word / 2 % 2;
    return {thread / 32 * 16 + thread % 32 / 4 + word % 2 * 8, step * 32 + thread % 4 * 4};
}

struct PackedLayout {
    std::int64_t channel_tiles = 0; ///< of 128 outputs
    std::int64_t input_blocks = 0;
    std::int64_t block_bytes = 0;
    std::int64_t constant_bytes = 0; ///< the part of a block behind its codes
    std::int64_t group_scales = 0;   ///< floats behind the blocks, (groups, outputs), both rounded up: grain `group`

    explicit PackedLayout(const GemmProblem& problem)
        : channel_tiles((problem.outputs + tile_rows - 1) / tile_rows)
        , input_blocks((problem.inputs + block_inputs - 1) / block_inputs) {
        const bool bytes = code_kind(*problem.grid) == CodeKind::int8;
        if (!bytes && problem.grain != GemmGrain::channel) constant_bytes = 2 * block_rows * groups_per_block(problem);
        block_bytes = block_rows * block_inputs / (bytes ? 1 : 2) + constant_bytes;
        if (problem.grain == GemmGrain::group)
            group_scales = input_blocks * groups_per_block(problem) * channel_tiles * tile_rows;
    }
    [[nodiscard]] std::int64_t blocks_offset() const {
        return channel_tiles * tile_rows * static_cast<std::int64_t>(sizeof(ChannelRecord));
    }
    [[nodiscard]] std::int64_t group_scales_offset() const {
        return blocks_offset() + channel_tiles * input_blocks * 2 * block_bytes;
    }
    [[nodiscard]] std::size_t bytes() const {
        return static_cast<std::size_t>(group_scales_offset() +
                                        group_scales * static_cast<std::int64_t>(sizeof(float)));
    }
};

} // namespace graticule::cuda
