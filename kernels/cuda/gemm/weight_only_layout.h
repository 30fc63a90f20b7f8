// Which code, which input and which sum lies where in a weight-only product (weight_only_product.cuh). Plain functions
// of whole numbers, so that tests walk through them without a GPU: tests/kernels/tst_weight_only.cpp puts a product
// together from them, thread by thread.
//
// Packed: records Record (outputs, rounded up to 128) | blocks [outputs / 128][inputs / 128] of 128 x 128
// codes, both rounded up. A block is 8,192 bytes of codes and behind them, for grain `group`, 512 bytes per group that
// begins in it.
//
//     codes:     [unit of 64 inputs][16 outputs][lane] of 16 bytes. Lane l holds row g = l / 4 in words 0 and 1 and row
//                g + 8 in words 2 and 3, each word eight neighbours of the 16 inputs from 16 c, c = l mod 4
//     word:      input i of its eight in nibble i / 2 + 4 (i mod 2), so that `word >> 4 p & 0x000F000F` are neighbours
//     constants: [group][output], 32 bits: kept_scale of the group, whose low byte is free, and its zero point there
//
// One m16n8k16 product needs of a lane two pairs of neighbouring inputs (PTX ISA, "Matrix Fragments for
// mma.m16n8k16"): places 2 c, 2 c + 1 and 2 c + 8, 2 c + 9 of sixteen. Sums do not depend on the order of inputs, so
// both operands agree on another one, step s of a unit:
//
//     places 2 c, 2 c + 1 are inputs 16 c + 4 s, + 1;  places 2 c + 8, 2 c + 9 are inputs 16 c + 4 s + 2, + 3
//
// A lane's inputs of a unit are then 16 neighbours, two 16-byte loads per token, and inputs need no other order in
// memory than their own.
#pragma once

#include <bit>
#include <cstdint>

#include "kernels/api/gemm.h"

namespace graticule::cuda::weight_only {

inline constexpr int tile_outputs = 128, block_inputs = 128, unit_inputs = 64, units = 2, steps = 4;
inline constexpr int code_bytes = tile_outputs * block_inputs / 2;
inline constexpr int group_bytes = tile_outputs * 4;

/// A 32-bit word of eight codes: number of the word in its block, nibble in the word.
struct CodePlace {
    int word, nibble;
};
/// Of an output and an input within a block.
constexpr CodePlace place_of_code(int output, int input) {
    const int lane = output % 8 * 4 + input % unit_inputs / 16;
    const int word = output % 16 / 8 * 2 + input % 16 / 8;
    return {((input / unit_inputs * (tile_outputs / 16) + output / 16) * 32 + lane) * 4 + word,
            input % 8 / 2 + input % 2 * 4};
}
/// Output and first of eight inputs of a word: place_of_code the other way round.
struct WordCodes {
    int output, input;
};
constexpr WordCodes codes_of_word(int word) {
    const int lane = word / 4 % 32, sixteen = word / 128 % (tile_outputs / 16), unit = word / (tile_outputs * 8);
    return {sixteen * 16 + lane / 4 + word % 4 / 2 * 8, unit * unit_inputs + lane % 4 * 16 + word % 2 * 8};
}

/// Byte of a token's input within a stage of 128 inputs: rows of 256 bytes, 16 bytes apart, so that lanes that read
/// together meet different banks.
inline constexpr int token_bytes = block_inputs * 2 + 16;
constexpr int place_of_input(int token, int input) { return token * token_bytes + input * 2; }

/// The four registers of the first operand for step s: pairs of codes of rows g and g + 8, places 2 c ..., then the
/// same rows, places 2 c + 8 .... Which word of the lane's four, and which pair of that word.
struct PairPlace {
    int word, pair;
};
constexpr PairPlace pair_of_register(int step, int which) {
    return {which % 2 * 2 + step / 2, step % 2 * 2 + which / 2};
}
/// Which of the eight 32-bit words of a lane's inputs (16 neighbours) is register `which` of the second operand.
constexpr int input_word(int step, int which) { return 2 * step + which; }

/// Two codes as 16-bit floats: the exponent's bits in front of a code are 128 + code in bf16, 1024 + code in f16.
constexpr std::uint32_t two_codes(std::uint32_t word, int pair, std::uint32_t exponents) {
    return (word >> (4 * pair) & 0x000F000FU) | exponents;
}
inline constexpr std::uint32_t exponents_bf16 = 0x43004300U, exponents_f16 = 0x64006400U;

/// What is to be added to both: -(128 + zero), or -(1024 + zero) in f16; exact for zero points of a byte.
constexpr std::uint32_t two_offsets_bf16(int zero) {
    return (std::bit_cast<std::uint32_t>(static_cast<float>(-(128 + zero))) >> 16) * 0x00010001U;
}
constexpr std::uint32_t two_offsets_f16(int zero) { // below 1024 a step of 1 is two of the last place
    return static_cast<std::uint32_t>(0xE400 + (zero >= 0 ? zero : 2 * zero)) * 0x00010001U;
}

/// A group's constants in 32 bits, there and back.
constexpr std::uint32_t group_constant(float scale, int zero) {
    return std::bit_cast<std::uint32_t>(kept_scale(scale)) | (static_cast<std::uint32_t>(zero) & 0xFFU);
}
constexpr float scale_of(std::uint32_t constant) { return std::bit_cast<float>(constant & 0xFFFFFF00U); }
constexpr int zero_of(std::uint32_t constant) { return static_cast<std::int8_t>(constant & 0xFFU); }

/// What the products know of an output; of grain `group` the bias alone.
struct Record {
    float scale, bias;
    std::int32_t zero, unused;
};

/// Groups that begin in a block of 128 inputs, at most; constants of a longer group stand in every block of it.
constexpr int groups_in_block(const GemmProblem& problem) {
    return problem.grain == GemmGrain::channel ? 0 : problem.group % block_inputs == 0 ? 1 : 2;
}

struct Layout {
    std::int64_t output_tiles, input_blocks, block_bytes;
    explicit constexpr Layout(const GemmProblem& problem)
        : output_tiles((problem.outputs + tile_outputs - 1) / tile_outputs)
        , input_blocks((problem.inputs + block_inputs - 1) / block_inputs)
        , block_bytes(code_bytes + groups_in_block(problem) * group_bytes) {}
    [[nodiscard]] constexpr std::int64_t blocks_offset() const {
        return output_tiles * tile_outputs * std::int64_t{sizeof(Record)};
    }
    [[nodiscard]] constexpr std::size_t bytes() const {
        return static_cast<std::size_t>(blocks_offset() + output_tiles * input_blocks * block_bytes);
    }
};

} // namespace graticule::cuda::weight_only
