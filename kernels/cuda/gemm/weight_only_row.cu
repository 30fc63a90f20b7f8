// The weight-only row: what it takes, how its weights are packed, and how it is started.
#include <string>

#include "kernels/api/kernel_error.h"
#include "kernels/cuda/device/check.h"
#include "kernels/cuda/device/workspace.h"
#include "kernels/cuda/gemm/card.h"
#include "kernels/cuda/gemm/product_run.h"
#include "kernels/cuda/gemm/weight_only_product.cuh"

namespace graticule::cuda {
namespace {

using weight_only::Layout;

std::optional<std::string> refuses(const GemmProblem& problem) {
    if (auto reason = no_weight_only_product(problem)) return reason;
    if (auto reason = capability_below(80)) return reason;
    if (problem.grid->levels != 16) return weights_text(*problem.grid) + "; INT4 is known";
    if (problem.grain == GemmGrain::group && problem.group % weight_only::unit_inputs != 0)
        return "groups of " + std::to_string(problem.group) + "; multiples of 64 are known";
    if (problem.inputs % 8 != 0) return std::to_string(problem.inputs) + " inputs; multiples of 8 are known";
    return std::nullopt;
}

std::int64_t tile_tokens(std::int64_t tokens) {
    for (const std::int64_t tile : {8, 16, 32, 64})
        if (tokens <= tile) return tile;
    return 128;
}

/// Thread blocks that run at once (WeightOnlyTile::blocks_per_processor).
int processors(std::int64_t tile, std::int64_t inputs) {
    constexpr std::size_t two_blocks = std::size_t{196} << 10;
    if (filling_of(tile, inputs) == Filling::own_warp) return 3 * multiprocessors();
    return multiprocessors() * (tile <= 32 && shared_memory_per_multiprocessor() >= two_blocks ? 2 : 1);
}

Schedule schedule_of(const GemmProblem& problem) {
    const Layout layout(problem);
    const std::int64_t tile = tile_tokens(problem.tokens);
    return make_schedule(layout.output_tiles, (problem.tokens + tile - 1) / tile, layout.input_blocks,
                         processors(tile, problem.inputs), tile);
}

std::size_t packed_bytes(const GemmProblem& problem) { return Layout(problem).bytes(); }

std::size_t workspace_bytes(const GemmProblem& problem) {
    if (problem.tokens == 0) return gemm_counter_bytes;
    return parts_bytes(schedule_of(problem), tile_tokens(problem.tokens));
}

struct PackArguments {
    GemmWeights weights;
    bool grouped;
    std::int64_t outputs, inputs, group, groups;
    std::int64_t input_blocks, block_bytes, padded_outputs;
    std::int32_t groups_in_block;
    std::uint8_t* packed;
    std::uint8_t* blocks;
};

__global__ void pack_records(const PackArguments a) {
    const std::int64_t output = blockIdx.x * 128LL + threadIdx.x;
    weight_only::Record record{0.0F, -0.0F, 0, 0};
    if (output < a.outputs) {
        if (!a.grouped) {
            record.scale = a.weights.scale[output];
            record.zero = static_cast<std::int32_t>(a.weights.zero[output]);
        }
        if (a.weights.bias != nullptr) record.bias = a.weights.bias[output];
    }
    reinterpret_cast<weight_only::Record*>(a.packed)[output] = record;
    __threadfence(); // a product started early by programmatic launch may read ahead
}

/// A thread block per block of 128 x 128 codes.
__global__ void pack_blocks(const PackArguments a) {
    const std::int64_t first_output = blockIdx.x / a.input_blocks * weight_only::tile_outputs;
    const std::int64_t first_input = blockIdx.x % a.input_blocks * weight_only::block_inputs;
    auto* to = reinterpret_cast<std::uint32_t*>(a.blocks + blockIdx.x * a.block_bytes);
    for (int word = static_cast<int>(threadIdx.x); word < weight_only::code_bytes / 4; word += 256) {
        const weight_only::WordCodes at = weight_only::codes_of_word(word);
        const std::int64_t output = first_output + at.output;
        std::uint32_t bits = 0;
        for (int i = 0; i < 8; ++i) {
            const std::int64_t input = first_input + at.input + i;
            if (output < a.outputs && input < a.inputs)
                bits |= std::uint32_t{a.weights.codes.data[output * a.weights.codes.row_stride + input]}
                        << (4 * weight_only::place_of_code(at.output, at.input + i).nibble);
        }
        to[word] = bits;
    }
    for (int i = static_cast<int>(threadIdx.x); i < a.groups_in_block * weight_only::tile_outputs; i += 256) {
        const std::int64_t output = first_output + i % weight_only::tile_outputs;
        const std::int64_t group = (first_input + i / weight_only::tile_outputs * weight_only::unit_inputs) / a.group;
        const std::int64_t at = output * a.groups + group;
        to[weight_only::code_bytes / 4 + i] =
            output < a.outputs && group < a.groups
                ? weight_only::group_constant(a.weights.scale[at], static_cast<int>(a.weights.zero[at]))
                : 0U;
    }
    __threadfence();
}

void pack(const GemmProblem& problem, const GemmWeights& weights, void* packed, Stream stream) {
    check_weight_only_pack(problem, weights, packed);
    const Layout layout(problem);
    PackArguments a{};
    a.weights = weights;
    a.grouped = problem.grain == GemmGrain::group;
    a.outputs = problem.outputs;
    a.inputs = problem.inputs;
    a.groups = groups_of(problem);
    a.group = problem.inputs / a.groups;
    a.input_blocks = layout.input_blocks;
    a.block_bytes = layout.block_bytes;
    a.groups_in_block = weight_only::groups_in_block(problem);
    a.packed = static_cast<std::uint8_t*>(packed);
    a.blocks = a.packed + layout.blocks_offset();
    const auto queue = static_cast<cudaStream_t>(stream.handle);
    pack_records<<<static_cast<unsigned>(layout.output_tiles), 128, 0, queue>>>(a);
    pack_blocks<<<static_cast<unsigned>(layout.output_tiles * layout.input_blocks), 256, 0, queue>>>(a);
    GRATICULE_CUDA_CHECK(cudaGetLastError());
}

void run(const GemmProblem& problem, const void* packed, const ValueMatrix& x, GemmOutput y, void* workspace,
         Stream stream) {
    check_weight_only_run(problem, packed, x, y, workspace);
    if (problem.tokens == 0) return;
    if (reinterpret_cast<std::uintptr_t>(x.data) % 16 != 0 || x.row_stride % 8 != 0)
        throw KernelError(KernelError::Kind::invalid_argument,
                          "the input of a weight-only product must lie in rows that begin on 16 bytes; copy it");
    const Layout layout(problem);
    WeightOnlyArguments a{};
    const auto* bytes = static_cast<const std::uint8_t*>(packed);
    a.records = reinterpret_cast<const weight_only::Record*>(bytes);
    a.blocks = bytes + layout.blocks_offset();
    a.x = static_cast<const std::uint16_t*>(x.data);
    a.x_stride = x.row_stride;
    a.y = static_cast<std::uint16_t*>(y.data);
    a.y_stride = y.row_stride;
    a.tickets = static_cast<std::int32_t*>(workspace);
    a.parts = reinterpret_cast<float4*>(static_cast<std::uint8_t*>(workspace) + gemm_counter_bytes);
    a.outputs = static_cast<std::int32_t>(problem.outputs);
    a.inputs = static_cast<std::int32_t>(problem.inputs);
    a.tokens = static_cast<std::int32_t>(problem.tokens);
    a.block_bytes = static_cast<std::int32_t>(layout.block_bytes);
    a.groups_in_block = weight_only::groups_in_block(problem);
    a.schedule = schedule_of(problem);
    const std::int64_t tile = tile_tokens(problem.tokens);
    const auto launch = problem.output == ValueType::bf16 ? weight_only_bf16 : weight_only_f16;
    launch(a, problem.grain == GemmGrain::group, static_cast<int>(tile),
           thread_blocks(a.schedule, processors(tile, problem.inputs)), static_cast<cudaStream_t>(stream.handle));
}

struct ExpandArguments {
    const weight_only::Record* records;
    const std::uint8_t* blocks;
    std::uint16_t* values;
    std::int64_t outputs, inputs, input_blocks, block_bytes;
    std::int32_t groups_in_block;
    ValueType type;
};

/// A thread block per block of 128 x 128 codes, a thread per word of eight.
__global__ void __launch_bounds__(256) expand_blocks(const __grid_constant__ ExpandArguments a) {
    const std::int64_t first_output = blockIdx.x / a.input_blocks * weight_only::tile_outputs;
    const std::int64_t first_input = blockIdx.x % a.input_blocks * weight_only::block_inputs;
    const auto* from = reinterpret_cast<const std::uint32_t*>(a.blocks + blockIdx.x * a.block_bytes);
#pragma unroll
    for (int i = 0; i < weight_only::code_bytes / 4 / 256; ++i) {
        // Neighbouring threads take neighbouring eights of an output, so that stores of a warp meet.
        const int index = i * 256 + static_cast<int>(threadIdx.x);
        const int output_in_tile = index / 16, eight = index % 16;
        const std::int64_t output = first_output + output_in_tile, input = first_input + 8 * eight;
        if (output >= a.outputs || input >= a.inputs) continue;
        const std::uint32_t word = from[weight_only::place_of_code(output_in_tile, 8 * eight).word];
        float scale;
        int zero;
        if (a.groups_in_block == 0) {
            const weight_only::Record record = a.records[output];
            scale = record.scale;
            zero = record.zero;
        } else {
            const int group = a.groups_in_block == 2 ? eight / 8 : 0;
            const std::uint32_t constant =
                from[weight_only::code_bytes / 4 + group * weight_only::tile_outputs + output_in_tile];
            scale = weight_only::scale_of(constant);
            zero = weight_only::zero_of(constant);
        }
        std::uint32_t pairs[4];
#pragma unroll
        for (int pair = 0; pair < 4; ++pair) {
            const std::uint32_t two = word >> (4 * pair);
            const auto value = [&](std::uint32_t code) {
                return __fmul_rn(__int2float_rn(static_cast<int>(code & 15U) - zero), scale);
            };
            pairs[pair] = two_halves(value(two), value(two >> 16), a.type);
        }
        *reinterpret_cast<uint4*>(a.values + output * a.inputs + input) =
            make_uint4(pairs[0], pairs[1], pairs[2], pairs[3]);
    }
}

void expand(const GemmProblem& problem, const void* packed, void* values, Stream stream) {
    check_weight_only_expand(problem, packed, values);
    const Layout layout(problem);
    const auto* bytes = static_cast<const std::uint8_t*>(packed);
    ExpandArguments a{};
    a.records = reinterpret_cast<const weight_only::Record*>(bytes);
    a.blocks = bytes + layout.blocks_offset();
    a.values = static_cast<std::uint16_t*>(values);
    a.outputs = problem.outputs;
    a.inputs = problem.inputs;
    a.input_blocks = layout.input_blocks;
    a.block_bytes = layout.block_bytes;
    a.groups_in_block = weight_only::groups_in_block(problem);
    a.type = problem.output;
    expand_blocks<<<static_cast<unsigned>(layout.output_tiles * layout.input_blocks), 256, 0,
                    static_cast<cudaStream_t>(stream.handle)>>>(a);
    GRATICULE_CUDA_CHECK(cudaGetLastError());
}

constexpr std::int64_t dense_tokens = 129; // measured on an H200: a second tile of 128 tokens costs more

} // namespace

const WeightOnlyRow weight_only_mma{"w4a16 mma.sync", refuses,     packed_bytes, workspace_bytes, pack, run,
                                    expand,           dense_tokens};

} // namespace graticule::cuda
