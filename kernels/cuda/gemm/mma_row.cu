// The row of the table for every card from compute capability 8.0 on: what it takes, and how it is started.
#include <string>

#include "kernels/cuda/device/workspace.h"
#include "kernels/cuda/gemm/card.h"
#include "kernels/cuda/gemm/mma_product.cuh"
#include "kernels/cuda/gemm/product_run.h"

namespace graticule::cuda {
namespace {

std::optional<std::string> refuses(const GemmProblem& problem) {
    if (auto reason = not_packed(problem)) return reason;
    if (auto reason = capability_below(80)) return reason;
    if (problem.grain != GemmGrain::channel) {
        if (code_kind(*problem.grid) == CodeKind::int8) return "INT8 with groups";
        if (problem.group != 32 && problem.group != 64 && problem.group != 128)
            return "groups of " + std::to_string(problem.group) + "; 32, 64 and 128 are known";
        if (problem.grain == GemmGrain::group && problem.input_zeros) return "input zero points with groups";
    }
    return std::nullopt;
}

std::int64_t tile_tokens(std::int64_t tokens) { return tokens <= 16 ? 16 : tokens <= 64 ? 64 : 128; }

Schedule schedule_of(const GemmProblem& problem) {
    const PackedLayout layout(problem);
    const std::int64_t tile = tile_tokens(problem.tokens);
    Schedule schedule = make_schedule(layout.channel_tiles, (problem.tokens + tile - 1) / tile, layout.input_blocks,
                                      blocks_at_once(), tile);
    if (problem.grain == GemmGrain::group) schedule = whole_tiles(schedule);
    return schedule;
}

std::size_t workspace_bytes(const GemmProblem& problem) {
    if (problem.tokens == 0) return gemm_counter_bytes;
    return parts_bytes(schedule_of(problem), tile_tokens(problem.tokens));
}

void run(const GemmProblem& problem, const void* packed, const GemmInput& input, GemmOutput y, void* workspace,
         Stream stream) {
    check_gemm_run(problem, packed, input, y, workspace);
    if (problem.tokens == 0) return;
    const PackedLayout layout(problem);
    MmaArguments arguments{};
    arguments.product = product_arguments(problem, layout, packed, input, y, workspace);
    arguments.product.schedule = schedule_of(problem);
    arguments.block_bytes = static_cast<std::int32_t>(layout.block_bytes);
    arguments.steps_per_group = static_cast<std::int32_t>(4 / groups_per_block(problem));
    constexpr MmaLaunch launch_of[] = {mma_int4, mma_dint4, mma_int8}; // by CodeKind
    launch_of[static_cast<int>(code_kind(*problem.grid))](
        arguments, problem.grain, static_cast<int>(tile_tokens(problem.tokens)),
        thread_blocks(arguments.product.schedule, blocks_at_once()), static_cast<cudaStream_t>(stream.handle));
}

} // namespace

const GemmRow mma_gemm{"integer mma.sync", InputLayout::tiles, refuses, packed_weight_bytes,
                       workspace_bytes,    pack_weight,        run};

} // namespace graticule::cuda
