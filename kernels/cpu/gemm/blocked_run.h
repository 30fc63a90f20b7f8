// What the fast CPU products share at run time: the inputs made ready, and the blocks shared out among threads.
#pragma once

#include "kernels/cpu/gemm/blocked_weight.h"

namespace graticule::cpu {

/// A product under way.
struct RunShape {
    const GemmProblem& problem;
    const GemmInput& input;
    CodeKind kind;
    bool grouped;             ///< float scales per group
    bool multiplied;          ///< int8 multipliers per group: dual grain
    std::int64_t groups;      ///< that share a zero
    std::int64_t length;      ///< inputs of a group
    const std::uint8_t* x;    ///< (tokens, inputs): x + offset
    const std::int32_t* sums; ///< (tokens, groups): of x + offset

    [[nodiscard]] std::int32_t input_zero(std::int64_t token) const {
        return problem.input_zeros ? static_cast<std::int32_t>(input.zero[token]) : 0;
    }
    /// Spans of inputs whose sums are to be treated apart.
    [[nodiscard]] std::int64_t spans(bool finished_weights) const { return finished_weights && !grouped ? 1 : groups; }
};

/// One block of 64 outputs with all tokens. `panel`: 64 x inputs bytes of scratch memory, of this thread alone.
using MultiplyBlock = void (*)(const RunShape& shape, const WeightBlock& block, std::uint8_t* panel,
                               const BlockOutput& output);

[[nodiscard]] std::size_t blocked_workspace_bytes(const GemmProblem& problem);

/// Checks, stores x + offset (modulo 256) and its sums in the workspace, then multiplies all blocks.
void run_blocked(const GemmProblem& problem, const void* packed, const GemmInput& input, GemmOutput y, void* workspace,
                 int offset, MultiplyBlock multiply);

} // namespace graticule::cpu
