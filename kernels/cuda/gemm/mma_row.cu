// The row of the table for every card from compute capability 8.0 on: what it takes, and how it is started.
#include <string>

#include "kernels/cuda/device/workspace.h"
#include "kernels/cuda/gemm/card.h"
#include "kernels/cuda/gemm/mma_product.cuh"
#include "kernels/cuda/gemm/product_run.h"

namespace graticule::cuda {
namespace {

std::optional<std::string> refuses(const GemmProblem& problem) {
    if (auto reason = no_integer_product(problem)) return reason;
    if (compute_capability() < 80)
        return "needs compute capability 8.0, this card has " + std::to_string(compute_capability() / 10) + "." +
               std::to_string(compute_capability() % 10);
    if (!has_block_format(*problem.grid)) return weights_text(*problem.grid) + "; INT4, dINT4 and INT8 are known";
    if (problem.grain != GemmGrain::channel) {
        if (block_format(*problem.grid) == BlockFormat::int8) return "INT8 with groups";
        if (problem.group != 32 && problem.group != 64 && problem.group != 128)
            return "groups of " + std::to_string(problem.group) + "; 32, 64 and 128 are known";
        if (problem.grain == GemmGrain::group && problem.input_zeros) return "input zero points with groups";
    }
    if (problem.inputs > 65536) return std::to_string(problem.inputs) + " inputs; 65536 are possible";
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

std::size_t packed_bytes(const GemmProblem& problem) { return PackedLayout(problem).bytes(); }

std::size_t workspace_bytes(const GemmProblem& problem) {
    if (problem.tokens == 0) return gemm_counter_bytes;
    return parts_bytes(schedule_of(problem), tile_tokens(problem.tokens));
}

void pack(const GemmProblem& problem, const GemmWeights& weights, void* packed, Stream stream) {
    check_gemm_pack(problem, weights, packed);
    pack_weight(problem, weights, packed, static_cast<cudaStream_t>(stream.handle));
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
    constexpr MmaLaunch launch_of[] = {mma_int4, mma_dint4, mma_int8}; // by BlockFormat
    launch_of[static_cast<int>(block_format(*problem.grid))](
        arguments, problem.grain, static_cast<int>(tile_tokens(problem.tokens)),
        thread_blocks(arguments.product.schedule, blocks_at_once()), static_cast<cudaStream_t>(stream.handle));
}

} // namespace

const GemmRow mma_gemm{"integer mma.sync", InputLayout::tiles, refuses, packed_bytes, workspace_bytes, pack, run};

} // namespace graticule::cuda
