// The row of the table: what the Hopper product takes, and how it is started.
#include <algorithm>
#include <array>
#include <span>
#include <string>

#include "kernels/cuda/device/workspace.h"
#include "kernels/cuda/gemm/card.h"
#include "kernels/cuda/gemm/product_run.h"
#include "kernels/cuda/gemm/wgmma_product.cuh"

namespace graticule::cuda {
namespace {

/// The instantiations there are.
struct Kind {
    CodeKind codes;
    GemmGrain grain;
    std::int64_t group;
    WgmmaLaunch launch;
};
constexpr std::array<Kind, 9> kinds{{{CodeKind::int4, GemmGrain::channel, 0, wgmma_int4_channel},
                                     {CodeKind::int4, GemmGrain::dual, 128, wgmma_int4_dual128},
                                     {CodeKind::int4, GemmGrain::dual, 64, wgmma_int4_dual64},
                                     {CodeKind::int4, GemmGrain::group, 128, wgmma_int4_group128},
                                     {CodeKind::int4, GemmGrain::group, 64, wgmma_int4_group64},
                                     {CodeKind::dint4, GemmGrain::channel, 0, wgmma_dint4_channel},
                                     {CodeKind::dint4, GemmGrain::dual, 128, wgmma_dint4_dual128},
                                     {CodeKind::dint4, GemmGrain::group, 128, wgmma_dint4_group128},
                                     {CodeKind::int8, GemmGrain::channel, 0, wgmma_int8_channel}}};

const Kind* kind_of(const GemmProblem& problem) {
    const auto row = std::find_if(kinds.begin(), kinds.end(), [&](const Kind& kind) {
        return kind.codes == code_kind(*problem.grid) && kind.grain == problem.grain &&
               (kind.grain == GemmGrain::channel || kind.group == problem.group);
    });
    return row == kinds.end() ? nullptr : &*row;
}

std::optional<std::string> refuses(const GemmProblem& problem) {
    if (auto reason = not_packed(problem)) return reason;
    if (compute_capability() != 90)
        return "needs compute capability 9.0, this card has " + std::to_string(compute_capability() / 10) + "." +
               std::to_string(compute_capability() % 10);
    if (kind_of(problem) == nullptr)
        return "grain " + std::string(name_of(problem.grain)) +
               (problem.grain == GemmGrain::channel ? "" : " of " + std::to_string(problem.group)) +
               " with these codes; per channel, INT4 in groups or under the dual grain of 128 and 64, dINT4 of 128 are "
               "known";
    if (problem.grain == GemmGrain::group && problem.input_zeros) return "input zero points with groups";
    return std::nullopt;
}

/// A tile and the schedule that goes with it.
struct Plan {
    std::int64_t tile_tokens = 0;
    Schedule schedule;
};

/// Few tokens: the smallest instruction that holds them. Many: the tile whose busiest thread block is done first.
Plan plan_of(const GemmProblem& problem) {
    struct Tile {
        std::int64_t tokens, block_clocks; ///< of 128 inputs
    };
    // Exact sums: up to 32 tokens as measured with two pairs of warpgroups (4096 x 4096, H200); then 45 bytes per clock from
    // the second-level cache, and at 256 tokens the tensor cores. Groups: as measured (8192 x 8192, H200).
    constexpr Tile exact[] = {{8, 100}, {16, 110}, {32, 150}, {64, 370}, {128, 555}, {256, 1024}};
    constexpr Tile groups[] = {{8, 500}, {16, 520}, {32, 620}, {64, 770}, {128, 1000}};
    const bool in_groups = problem.grain == GemmGrain::group;
    const std::span<const Tile> tiles = in_groups ? std::span<const Tile>(groups) : std::span<const Tile>(exact);
    const PackedLayout layout(problem);
    Plan best;
    std::int64_t best_clocks = 0;
    for (const Tile& tile : tiles) {
        const std::int64_t token_tiles = (problem.tokens + tile.tokens - 1) / tile.tokens;
        if (token_tiles > 1 && tile.tokens < 64) continue;
        Schedule schedule =
            make_schedule(layout.channel_tiles, token_tiles, layout.input_blocks, blocks_at_once(), tile.tokens);
        if (in_groups) schedule = whole_tiles(schedule);
        const std::int64_t clocks = estimated_clocks(schedule, blocks_at_once(), tile.tokens, tile.block_clocks);
        if (best.tile_tokens != 0 && clocks >= best_clocks) continue;
        best = {tile.tokens, schedule};
        best_clocks = clocks;
    }
    return best;
}

std::size_t workspace_bytes(const GemmProblem& problem) {
    if (problem.tokens == 0) return gemm_counter_bytes;
    const Plan plan = plan_of(problem);
    return parts_bytes(plan.schedule, plan.tile_tokens);
}

void run(const GemmProblem& problem, const void* packed, const GemmInput& input, GemmOutput y, void* workspace,
         Stream stream) {
    check_gemm_run(problem, packed, input, y, workspace);
    if (problem.tokens == 0) return;
    const PackedLayout layout(problem);
    ProductArguments arguments = product_arguments(problem, layout, packed, input, y, workspace);
    const Plan plan = plan_of(problem);
    arguments.schedule = plan.schedule;
    kind_of(problem)->launch(arguments, static_cast<int>(plan.tile_tokens),
                             thread_blocks(arguments.schedule, blocks_at_once()),
                             static_cast<cudaStream_t>(stream.handle));
}

} // namespace

const GemmRow wgmma_gemm{"integer wgmma sm_90a", InputLayout::tiles, refuses, packed_weight_bytes,
                         workspace_bytes,        pack_weight,        run};

} // namespace graticule::cuda
