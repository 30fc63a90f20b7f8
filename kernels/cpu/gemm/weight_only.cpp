// The weight-only product as gemm.h's contract says it, with sums in float64: the definition that other rows are judged
// by. Any lattice of whole steps, any group.
//
// Packed: scale float (outputs, groups; 1 group for `channel`) | bias float (outputs) | w = code - zero, int16
// (outputs, inputs).
#include <vector>

#include "kernels/api/half.h"
#include "kernels/cpu/gemm/epilogue.h"
#include "kernels/cpu/gemm/rows.h"
#include "kernels/cpu/parallel.h"

namespace graticule::cpu {
namespace {

struct Packed {
    float* scale;
    float* bias;
    std::int16_t* weight;
    std::int64_t groups, length;

    Packed(const GemmProblem& problem, void* memory)
        : scale(static_cast<float*>(memory))
        , groups(groups_of(problem))
        , length(problem.inputs / groups) {
        bias = scale + problem.outputs * groups;
        weight = reinterpret_cast<std::int16_t*>(bias + problem.outputs);
    }
};

std::size_t packed_bytes(const GemmProblem& problem) {
    return static_cast<std::size_t>(problem.outputs * (groups_of(problem) + 1)) * sizeof(float) +
           static_cast<std::size_t>(problem.outputs * problem.inputs) * sizeof(std::int16_t);
}

/// The inputs as float32.
std::size_t workspace_bytes(const GemmProblem& problem) {
    return gemm_counter_bytes + static_cast<std::size_t>(problem.tokens * problem.inputs) * sizeof(float);
}

void pack(const GemmProblem& problem, const GemmWeights& weights, void* memory, Stream) {
    check_weight_only_pack(problem, weights, memory);
    const Packed packed(problem, memory);
    for_each_band(problem.outputs, problem.outputs * problem.inputs, [&](std::int64_t output) {
        packed.bias[output] = weights.bias == nullptr ? no_bias : weights.bias[output];
        for (std::int64_t group = 0; group < packed.groups; ++group) {
            const std::int64_t at = output * packed.groups + group;
            packed.scale[at] = problem.grain == GemmGrain::group ? kept_scale(weights.scale[at]) : weights.scale[at];
            const auto zero = static_cast<std::int32_t>(weights.zero[at]);
            for (std::int64_t i = group * packed.length; i < (group + 1) * packed.length; ++i)
                packed.weight[output * problem.inputs + i] =
                    static_cast<std::int16_t>(weights.codes.data[output * weights.codes.row_stride + i] - zero);
        }
    });
}

void run(const GemmProblem& problem, const void* memory, const ValueMatrix& x, GemmOutput y, void* workspace, Stream) {
    check_weight_only_run(problem, memory, x, y, workspace);
    const Packed packed(problem, const_cast<void*>(memory));
    auto* values = reinterpret_cast<float*>(static_cast<std::byte*>(workspace) + gemm_counter_bytes);
    const auto* halves = static_cast<const std::uint16_t*>(x.data);
    for (std::int64_t token = 0; token < problem.tokens; ++token)
        for (std::int64_t i = 0; i < problem.inputs; ++i) {
            const std::uint16_t half = halves[token * x.row_stride + i];
            values[token * problem.inputs + i] = x.type == ValueType::bf16 ? bf16_to_float(half) : f16_to_float(half);
        }
    const auto product = [&](std::int64_t output) {
        for (std::int64_t token = 0; token < problem.tokens; ++token) {
            const float* row = values + token * problem.inputs;
            const std::int16_t* weight = packed.weight + output * problem.inputs;
            double sum = 0;
            for (std::int64_t group = 0; group < packed.groups; ++group) {
                double of_group = 0;
                for (std::int64_t i = group * packed.length; i < (group + 1) * packed.length; ++i)
                    of_group += static_cast<double>(row[i]) * weight[i];
                sum += of_group * static_cast<double>(packed.scale[output * packed.groups + group]);
            }
            store_output(y, problem.output, token, output,
                         static_cast<float>(sum + static_cast<double>(packed.bias[output])));
        }
    };
    for_each_band(problem.outputs, problem.tokens * problem.outputs * problem.inputs, product, BoundBy::processors);
}

void expand(const GemmProblem& problem, const void* memory, void* values, Stream) {
    check_weight_only_expand(problem, memory, values);
    const Packed packed(problem, const_cast<void*>(memory));
    for_each_band(problem.outputs, problem.outputs * problem.inputs, [&](std::int64_t output) {
        auto* row = static_cast<std::uint16_t*>(values) + output * problem.inputs;
        for (std::int64_t i = 0; i < problem.inputs; ++i) {
            const float value = static_cast<float>(packed.weight[output * problem.inputs + i]) *
                                packed.scale[output * packed.groups + i / packed.length];
            row[i] = problem.output == ValueType::bf16 ? float_to_bf16(value) : float_to_f16(value);
        }
    });
}

constexpr std::int64_t dense_tokens = 9; ///< float64 sums are for judging, not for work

} // namespace

const WeightOnlyRow weight_only_reference{
    "w4a16 reference", no_weight_only_product, packed_bytes, workspace_bytes, pack, run, expand, dense_tokens};

} // namespace graticule::cpu
