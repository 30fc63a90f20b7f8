// The weight as the CPU's fast products hold it, shared by the AVX-512 and the AVX2 row.
//
// Outputs in blocks of 64, inputs in fours, because VPDPBUSD adds four products of neighbouring bytes to one 32-bit
// sum:
//
//     codes of a block, per four inputs
//         4-bit: two vectors of 64 bytes; byte 4 c + i of vector v holds input i of outputs 32 v + c (low nibble) and
//                32 v + 16 + c (high nibble): unpacked with one mask and one shift, each 16 outputs are a vector
//         8-bit: four vectors; byte 4 c + i of vector v is input i of output 16 v + c, as code - 128
//     parameters of a block
//         scale[s][64], weight_sum[s][64] where s counts groups for the grain `group`, else 1; bias[64]
//         multiplier[g][64], zero[g][64] int8: w = multiplier (byte - zero), per group, or once
//
// `byte` is what the loops multiply: the code (INT4), 2 code + 1 with the specials at 2 zero + 2 and 2 zero (dINT4;
// then zero is 2 zero + 1), or code - 128 (INT8; zero is zero - 128).
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/api/gemm.h"

namespace graticule::cpu {

inline constexpr std::int64_t block_outputs = 64;

/// One block of 64 outputs.
struct WeightBlock {
    std::uint8_t* codes;      ///< (inputs / 4, 128 or 256)
    float* scale;             ///< (scales, 64)
    std::int32_t* weight_sum; ///< (scales, 64): of w over the inputs the scale is for
    float* bias;              ///< (64)
    std::int16_t* zero;       ///< (groups, 64), of `byte`
    std::int8_t* multiplier;  ///< (groups, 64)
};

class BlockedWeight {
public:
    explicit BlockedWeight(const GemmProblem& problem, void* packed = nullptr);
    [[nodiscard]] std::int64_t blocks() const { return blocks_; }
    [[nodiscard]] std::int64_t groups() const { return groups_; } ///< that share zero and multiplier
    [[nodiscard]] std::int64_t scales() const { return scales_; }
    [[nodiscard]] CodeKind kind() const { return kind_; }
    [[nodiscard]] std::int64_t bytes_per_four() const { return kind_ == CodeKind::int8 ? 256 : 128; }
    [[nodiscard]] std::size_t bytes() const { return static_cast<std::size_t>(blocks_ * block_bytes_); }
    [[nodiscard]] WeightBlock block(std::int64_t index) const;

private:
    std::uint8_t* packed_;
    CodeKind kind_;
    std::int64_t blocks_, groups_, scales_, code_bytes_, block_bytes_;
};

/// Why the blocked layout does not hold a problem's weight.
[[nodiscard]] std::optional<std::string> not_blocked(const GemmProblem& problem);
[[nodiscard]] std::size_t blocked_weight_bytes(const GemmProblem& problem);
void pack_blocked_weight(const GemmProblem& problem, const GemmWeights& weights, void* packed, Stream stream);

/// 64 sums of one token to its outputs, as the numeric contract says. `sums` are exact.
struct BlockOutput {
    const GemmProblem& problem;
    const WeightBlock& block;
    std::int64_t first_output;
    const GemmInput& input;
    const GemmOutput& y;
    void store(std::int64_t token, const std::int32_t* sums) const;
    void store_groups(std::int64_t token, const float* sums) const; ///< already times the groups' scales
};

} // namespace graticule::cpu
