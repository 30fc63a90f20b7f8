#include "kernels/cpu/gemm/blocked_run.h"

#include <algorithm>
#include <atomic>

#include "kernels/cpu/parallel.h"
#include "kernels/cpu/vector_clones.h"

namespace graticule::cpu {
namespace {

constexpr std::int64_t aligned(std::int64_t bytes) { return (bytes + 63) / 64 * 64; }

/// Threads of a product, each of which has blocks of outputs and a panel of its own.
std::int64_t threads_of(const GemmProblem& problem) {
    return std::min(most_threads(BoundBy::processors), (problem.outputs + block_outputs - 1) / block_outputs);
}

/// Where things lie in the workspace, behind the counters.
struct Workspace {
    std::int64_t x, sums, panels, panel, bytes;
    explicit Workspace(const GemmProblem& problem)
        : x(static_cast<std::int64_t>(gemm_counter_bytes))
        , sums(x + aligned(problem.tokens * problem.inputs))
        , panels(sums + aligned(problem.tokens * groups_of(problem) * 4))
        , panel(aligned(block_outputs * problem.inputs))
        , bytes(panels + threads_of(problem) * panel) {}
};

GRATICULE_VECTOR_CLONES std::int32_t shift_and_sum(const std::int8_t* from, std::int32_t offset, std::int64_t length,
                                                   std::uint8_t* to) {
    std::int32_t sum = 0;
    for (std::int64_t i = 0; i < length; ++i) {
        const std::int32_t value = from[i] + offset;
        to[i] = static_cast<std::uint8_t>(value);
        sum += value;
    }
    return sum;
}

} // namespace

std::size_t blocked_workspace_bytes(const GemmProblem& problem) {
    return static_cast<std::size_t>(Workspace(problem).bytes);
}

void run_blocked(const GemmProblem& problem, const void* packed, const GemmInput& input, GemmOutput y, void* workspace,
                 int offset, MultiplyBlock multiply) {
    check_gemm_run(problem, packed, input, y, workspace);
    if (problem.tokens == 0) return;
    const Workspace places(problem);
    auto* memory = static_cast<std::uint8_t*>(workspace);
    std::uint8_t* x = memory + places.x;
    auto* sums = reinterpret_cast<std::int32_t*>(memory + places.sums);
    const std::int64_t groups = groups_of(problem), length = problem.inputs / groups;
    for_each_band(problem.tokens, problem.tokens * problem.inputs, [&](std::int64_t token) {
        for (std::int64_t group = 0; group < groups; ++group) {
            const std::int64_t at = token * problem.inputs + group * length;
            sums[token * groups + group] = shift_and_sum(input.values + at, offset, length, x + at);
        }
    });
    const BlockedWeight blocked(problem, const_cast<void*>(packed));
    const RunShape shape{problem,
                         input,
                         blocked.kind(),
                         problem.grain == GemmGrain::group,
                         problem.grain == GemmGrain::dual,
                         groups,
                         length,
                         x,
                         sums};
    // Each thread takes blocks as it finishes them.
    std::atomic<std::int64_t> next{0};
    const std::int64_t work = (problem.tokens + 3) * problem.outputs * problem.inputs;
    const auto take_blocks = [&](std::int64_t thread) {
        for (std::int64_t index = next++; index < blocked.blocks(); index = next++) {
            const WeightBlock block = blocked.block(index);
            multiply(shape, block, memory + places.panels + thread * places.panel,
                     {problem, block, index * block_outputs, input, y});
        }
    };
    for_each_band(threads_of(problem), work, take_blocks, BoundBy::processors);
}

} // namespace graticule::cpu
