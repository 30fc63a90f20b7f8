// The integer product as its definition says it, for every problem there is: weights become int16 integers when packed,
// a product is a plain loop. What every other row is judged by.
//
// Packed: w (outputs, inputs) int16 | scale float (outputs, groups; 1 group but for `group`) | bias float (outputs).
#include <algorithm>
#include <cmath>

#include "kernels/cpu/gemm/epilogue.h"
#include "kernels/cpu/gemm/rows.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/vector_clones.h"

namespace graticule::cpu {
namespace {

struct Packed {
    std::int16_t* weight;
    float* scale;
    float* bias;
    std::int64_t scales; ///< per output
};

std::int64_t scales_per_output(const GemmProblem& problem) {
    return problem.grain == GemmGrain::group ? groups_of(problem) : 1;
}

Packed parts_of(const GemmProblem& problem, void* packed) {
    Packed parts{};
    parts.scales = scales_per_output(problem);
    parts.scale = static_cast<float*>(packed); // floats first: what follows needs less alignment
    parts.bias = parts.scale + problem.outputs * parts.scales;
    parts.weight = reinterpret_cast<std::int16_t*>(parts.bias + problem.outputs);
    return parts;
}

std::size_t packed_bytes(const GemmProblem& problem) {
    return static_cast<std::size_t>(problem.outputs * (scales_per_output(problem) + 1)) * sizeof(float) +
           static_cast<std::size_t>(problem.outputs * problem.inputs) * sizeof(std::int16_t);
}

std::size_t workspace_bytes(const GemmProblem&) { return gemm_counter_bytes; }

void pack(const GemmProblem& problem, const GemmWeights& weights, void* packed, Stream) {
    check_gemm_pack(problem, weights, packed);
    const Packed parts = parts_of(problem, packed);
    const IntegerCodes codes = integer_codes(*problem.grid);
    const std::int64_t groups = groups_of(problem), length = problem.inputs / groups;
    for_each_band(problem.outputs, problem.outputs * problem.inputs, [&](std::int64_t output) {
        for (std::int64_t i = 0; i < parts.scales; ++i)
            parts.scale[output * parts.scales + i] = codes.scale(weights.scale[output * parts.scales + i]);
        parts.bias[output] = weights.bias == nullptr ? no_bias : weights.bias[output];
        for (std::int64_t group = 0; group < groups; ++group) {
            const std::int64_t at = output * groups + group;
            const auto zero = static_cast<std::int32_t>(weights.zero[at]);
            const std::int32_t group_scale = problem.grain == GemmGrain::dual ? weights.group_scale[at] : 1;
            const std::uint8_t* code = weights.codes.data + output * weights.codes.row_stride + group * length;
            std::int16_t* weight = parts.weight + output * problem.inputs + group * length;
            for (std::int64_t i = 0; i < length; ++i)
                weight[i] = static_cast<std::int16_t>(codes.value(code[i], zero) * group_scale);
        }
    });
}

GRATICULE_VECTOR_CLONES std::int32_t dot(const std::int16_t* weight, const std::int8_t* x, std::int32_t zero,
                                         std::int64_t length) {
    std::int32_t sum = 0;
    for (std::int64_t i = 0; i < length; ++i) sum += std::int32_t{weight[i]} * (std::int32_t{x[i]} - zero);
    return sum;
}

void run(const GemmProblem& problem, const void* packed, const GemmInput& input, GemmOutput y, void* workspace,
         Stream) {
    check_gemm_run(problem, packed, input, y, workspace);
    const Packed parts = parts_of(problem, const_cast<void*>(packed));
    const std::int64_t length = problem.inputs / parts.scales;
    const auto product = [&](std::int64_t output) {
        const std::int16_t* weight = parts.weight + output * problem.inputs;
        const float* scale = parts.scale + output * parts.scales;
        for (std::int64_t token = 0; token < problem.tokens; ++token) {
            const std::int8_t* x = input.values + token * problem.inputs;
            const std::int32_t zero = problem.input_zeros ? static_cast<std::int32_t>(input.zero[token]) : 0;
            if (problem.grain != GemmGrain::group) {
                const std::int32_t sum = dot(weight, x, zero, problem.inputs);
                if (problem.output == ValueType::i32)
                    static_cast<std::int32_t*>(y.data)[token * y.row_stride + output] = sum;
                else
                    store_output(y, problem.output, token, output,
                                 finish(static_cast<float>(sum), input.scale[token], scale[0], parts.bias[output]));
                continue;
            }
            float sum = 0;
            for (std::int64_t group = 0; group < parts.scales; ++group)
                sum = std::fma(static_cast<float>(dot(weight + group * length, x + group * length, zero, length)),
                               scale[group], sum);
            store_output(y, problem.output, token, output, finish_groups(sum, input.scale[token], parts.bias[output]));
        }
    };
    for_each_band(problem.outputs, problem.tokens * problem.outputs * problem.inputs, product, BoundBy::processors);
}

} // namespace

const GemmRow reference_gemm{
    "int reference", InputLayout::plain, no_integer_product, packed_bytes, workspace_bytes, pack, run};

} // namespace graticule::cpu
