#include "kernels/cpu/gemm/blocked_weight.h"

#include <cstring>

#include "kernels/cpu/gemm/epilogue.h"
#include "kernels/cpu/parallel.h"

namespace graticule::cpu {
namespace {

constexpr std::int64_t round_up(std::int64_t value, std::int64_t to) { return (value + to - 1) / to * to; }

/// The byte a code becomes, and the zero and multiplier that make it w again.
struct Bytes {
    CodeKind kind;
    [[nodiscard]] std::int32_t zero(std::int32_t zero) const {
        return kind == CodeKind::int4 ? zero : kind == CodeKind::dint4 ? 2 * zero + 1 : zero - 128;
    }
};

} // namespace

BlockedWeight::BlockedWeight(const GemmProblem& problem, void* packed)
    : packed_(static_cast<std::uint8_t*>(packed))
    , kind_(code_kind(*problem.grid))
    , blocks_((problem.outputs + block_outputs - 1) / block_outputs)
    , groups_(groups_of(problem))
    , scales_(problem.grain == GemmGrain::group ? groups_ : 1)
    , code_bytes_(problem.inputs / 4 * bytes_per_four())
    , block_bytes_(round_up(code_bytes_ + block_outputs * (8 * scales_ + 4 + 3 * groups_), 64)) {}

WeightBlock BlockedWeight::block(std::int64_t index) const {
    WeightBlock block{};
    block.codes = packed_ + index * block_bytes_;
    block.scale = reinterpret_cast<float*>(block.codes + code_bytes_);
    block.weight_sum = reinterpret_cast<std::int32_t*>(block.scale + scales_ * block_outputs);
    block.bias = reinterpret_cast<float*>(block.weight_sum + scales_ * block_outputs);
    block.zero = reinterpret_cast<std::int16_t*>(block.bias + block_outputs);
    block.multiplier = reinterpret_cast<std::int8_t*>(block.zero + groups_ * block_outputs);
    return block;
}

std::optional<std::string> not_blocked(const GemmProblem& problem) {
    if (auto reason = no_fast_product(problem)) return reason;
    if (problem.inputs % 8 != 0) return std::to_string(problem.inputs) + " inputs, no multiple of 8";
    if (problem.grain != GemmGrain::channel && problem.group % 8 != 0)
        return "groups of " + std::to_string(problem.group) + ", no multiple of 8";
    if (problem.grain == GemmGrain::dual && code_kind(*problem.grid) == CodeKind::int8)
        return "INT8 codes under the dual grain";
    if (problem.inputs > 32768) return std::to_string(problem.inputs) + " inputs; 32768 are possible";
    return std::nullopt;
}

std::size_t blocked_weight_bytes(const GemmProblem& problem) { return BlockedWeight(problem).bytes(); }

void pack_blocked_weight(const GemmProblem& problem, const GemmWeights& weights, void* packed, Stream) {
    check_gemm_pack(problem, weights, packed);
    const BlockedWeight blocked(problem, packed);
    const IntegerCodes integers = integer_codes(*problem.grid);
    const Bytes bytes{blocked.kind()};
    const std::int64_t groups = blocked.groups(), length = problem.inputs / groups;
    const bool is_dual = problem.grain == GemmGrain::dual;
    for_each_band(blocked.blocks(), problem.outputs * problem.inputs, [&](std::int64_t index) {
        const WeightBlock block = blocked.block(index);
        std::memset(block.codes, 0, static_cast<std::size_t>(problem.inputs / 4 * blocked.bytes_per_four()));
        for (std::int64_t c = 0; c < block_outputs; ++c) {
            const std::int64_t output = index * block_outputs + c;
            const bool there = output < problem.outputs;
            block.bias[c] = there && weights.bias != nullptr ? weights.bias[output] : no_bias;
            for (std::int64_t s = 0; s < blocked.scales(); ++s) {
                block.scale[s * block_outputs + c] =
                    there ? integers.scale(weights.scale[output * blocked.scales() + s]) : 0.0F;
                block.weight_sum[s * block_outputs + c] = 0;
            }
            for (std::int64_t group = 0; group < groups; ++group) {
                const std::int64_t at = output * groups + group;
                const std::int32_t zero = there ? static_cast<std::int32_t>(weights.zero[at]) : 0;
                const std::int32_t multiplier = there && is_dual ? weights.group_scale[at] : 1;
                block.zero[group * block_outputs + c] = static_cast<std::int16_t>(bytes.zero(zero));
                block.multiplier[group * block_outputs + c] = static_cast<std::int8_t>(multiplier);
                if (!there) continue;
                std::int32_t sum = 0;
                for (std::int64_t input = group * length; input < (group + 1) * length; ++input) {
                    const std::uint8_t code = weights.codes.data[output * weights.codes.row_stride + input];
                    sum += integers.value(code, zero) * multiplier;
                    std::uint8_t* four = block.codes + input / 4 * blocked.bytes_per_four();
                    if (blocked.kind() == CodeKind::int8)
                        four[c * 4 + input % 4] = static_cast<std::uint8_t>(code - 128);
                    else
                        four[c / 32 * 64 + c % 16 * 4 + input % 4] |=
                            static_cast<std::uint8_t>(c / 16 % 2 == 0 ? code : code << 4);
                }
                block.weight_sum[(blocked.scales() > 1 ? group : 0) * block_outputs + c] += sum;
            }
        }
    });
}

void BlockOutput::store(std::int64_t token, const std::int32_t* sums) const {
    const std::int64_t count = std::min(block_outputs, problem.outputs - first_output);
    if (problem.output == ValueType::i32) {
        std::memcpy(static_cast<std::int32_t*>(y.data) + token * y.row_stride + first_output, sums,
                    static_cast<std::size_t>(count) * sizeof(std::int32_t));
        return;
    }
    const float input_scale = input.scale[token];
    for (std::int64_t c = 0; c < count; ++c)
        store_output(y, problem.output, token, first_output + c,
                     finish(static_cast<float>(sums[c]), input_scale, block.scale[c], block.bias[c]));
}

void BlockOutput::store_groups(std::int64_t token, const float* sums) const {
    const std::int64_t count = std::min(block_outputs, problem.outputs - first_output);
    for (std::int64_t c = 0; c < count; ++c)
        store_output(y, problem.output, token, first_output + c,
                     finish_groups(sums[c], input.scale[token], block.bias[c]));
}

} // namespace graticule::cpu
