#include "kernels/conformance/gemm_cases.h"

#include <algorithm>
#include <cstdlib>

namespace graticule::conformance {
namespace {

CodeGrid lattice(int levels, bool specials) {
    CodeGrid grid;
    grid.levels = levels;
    if (specials) {
        grid.special_count = 2;
        grid.specials = {0.5F, -0.5F};
    }
    return grid;
}

/// Numerical Recipes' linear congruential generator; the upper bits.
class Generator {
public:
    explicit Generator(std::uint32_t seed)
        : state_(seed * 2654435761U + 12345U) {}
    std::uint32_t below(std::uint32_t bound) {
        state_ = state_ * 1664525U + 1013904223U;
        return static_cast<std::uint32_t>((std::uint64_t{state_} * bound) >> 32);
    }
    float unit() { return static_cast<float>(below(1U << 20)) / static_cast<float>(1U << 20); }

private:
    std::uint32_t state_;
};

} // namespace

std::vector<GemmKind> gemm_kinds() {
    const CodeGrid int4 = lattice(16, false), dint4 = lattice(14, true), int8 = lattice(256, false);
    return {{"int4 channel", int4, GemmGrain::channel, 0},
            {"int4 dual128", int4, GemmGrain::dual, 128},
            {"int4 dual64", int4, GemmGrain::dual, 64},
            {"int4 dual32", int4, GemmGrain::dual, 32},
            {"int4 g128", int4, GemmGrain::group, 128},
            {"int4 g64", int4, GemmGrain::group, 64},
            {"dint4 channel", dint4, GemmGrain::channel, 0},
            {"dint4 dual128", dint4, GemmGrain::dual, 128},
            {"dint4 dual64", dint4, GemmGrain::dual, 64},
            {"dint4 g128", dint4, GemmGrain::group, 128},
            {"int8 channel", int8, GemmGrain::channel, 0},
            {"int8 g128", int8, GemmGrain::group, 128},
            {"int3 channel", lattice(8, false), GemmGrain::channel, 0},
            {"dint8 channel", lattice(254, true), GemmGrain::channel, 0}};
}

std::vector<GemmKind> weight_only_kinds() {
    const CodeGrid int4 = lattice(16, false);
    return {{"w4a16 channel", int4, GemmGrain::channel, 0},
            {"w4a16 g128", int4, GemmGrain::group, 128},
            {"w4a16 g64", int4, GemmGrain::group, 64},
            {"w4a16 g256", int4, GemmGrain::group, 256},
            {"w4a16 g192", int4, GemmGrain::group, 192},
            {"w4a16 g32", int4, GemmGrain::group, 32},
            {"w8a16 channel", lattice(256, false), GemmGrain::channel, 0}};
}

std::vector<GemmShape> gemm_shapes() {
    return {{64, 128, {1, 3, 8}, true},
            {192, 384, {1, 17, 40}, true},
            {72, 256, {2, 65}, true},
            {200, 200, {1, 5, 33}, true}, // grains with groups do not divide it
            {33, 96, {4}, true},
            {1280, 1024, {1, 16, 24, 64, 100, 128, 250, 256}, false},
            {4096, 512, {1, 8, 300}, false},
            {136, 8192, {1, 32, 130}, false},
            {2176, 2176, {7, 520}, false}};
}

GemmData make_gemm_data(const GemmProblem& problem, std::uint32_t seed) {
    Generator random(seed);
    const IntegerCodes integers = integer_codes(*problem.grid);
    const std::int64_t groups = groups_of(problem);
    GemmData data;
    for (std::int64_t i = 0; i < problem.outputs * problem.inputs; ++i)
        data.codes.push_back(
            static_cast<std::uint8_t>(random.below(static_cast<std::uint32_t>(problem.grid->code_count()))));
    for (std::int64_t i = 0; i < problem.outputs * groups; ++i) {
        // INT4 zero points of DGQ may leave the codes' range; those of dINT never do.
        const std::int32_t outside = problem.grain == GemmGrain::dual && !integers.specials ? 3 : 0;
        const auto zero =
            static_cast<std::int32_t>(random.below(static_cast<std::uint32_t>(integers.levels + 2 * outside))) -
            outside;
        data.zero.push_back(static_cast<float>(zero));
        const std::int32_t widest = integers.factor * std::max(std::abs(zero), std::abs(integers.levels - 1 - zero));
        const auto magnitude =
            static_cast<std::int32_t>(1 + random.below(static_cast<std::uint32_t>(std::max(1, 127 / widest))));
        data.group_scale.push_back(static_cast<std::int8_t>(random.below(8) == 0 ? -magnitude : magnitude));
    }
    const std::int64_t scales = problem.grain == GemmGrain::group ? groups : 1;
    for (std::int64_t i = 0; i < problem.outputs * scales; ++i) data.scale.push_back(0.002F + 0.01F * random.unit());
    for (std::int64_t i = 0; i < problem.outputs; ++i) data.bias.push_back(4.0F * random.unit() - 2.0F);
    return data;
}

GemmData make_extreme_gemm_data(const GemmProblem& problem) {
    const IntegerCodes integers = integer_codes(*problem.grid);
    const ZeroRange range = zero_range(*problem.grid);
    const std::int32_t zeros[] = {range.lowest, range.highest, integers.levels / 2};
    const std::int64_t groups = groups_of(problem), codes = problem.grid->code_count();
    GemmData data;
    for (std::int64_t output = 0; output < problem.outputs; ++output) {
        const std::int32_t zero = zeros[output % 3];
        const std::int64_t pattern = output / 3 % 3;
        for (std::int64_t i = 0; i < problem.inputs; ++i)
            data.codes.push_back(static_cast<std::uint8_t>(pattern == 0   ? integers.levels - 1
                                                           : pattern == 1 ? 0
                                                                          : i % codes));
        const std::int32_t widest = integers.factor * std::max(std::abs(zero), std::abs(integers.levels - 1 - zero));
        const std::int32_t multiplier = std::max(1, 127 / widest);
        for (std::int64_t group = 0; group < groups; ++group) {
            data.zero.push_back(static_cast<float>(zero));
            data.group_scale.push_back(static_cast<std::int8_t>(output % 2 == 0 ? multiplier : -multiplier));
        }
    }
    const std::int64_t scales = problem.outputs * (problem.grain == GemmGrain::group ? groups : 1);
    for (std::int64_t i = 0; i < scales; ++i) data.scale.push_back(1e-6F + 1e-8F * static_cast<float>(i % 97));
    for (std::int64_t i = 0; i < problem.outputs; ++i) data.bias.push_back(static_cast<float>(i) - 4.0F);
    return data;
}

std::vector<float> make_extreme_gemm_inputs(std::int64_t tokens, std::int64_t inputs, bool zeros) {
    const float low = zeros ? -1.0F : -128.0F, high = zeros ? 1.0F : 127.0F;
    std::vector<float> values;
    for (std::int64_t token = 0; token < tokens; ++token)
        for (std::int64_t i = 0; i < inputs; ++i)
            values.push_back(token % 3 == 0 || (token % 3 == 2 && i % 2 == 0) ? low : high);
    return values;
}

std::vector<float> make_gemm_inputs(std::int64_t tokens, std::int64_t inputs, std::uint32_t seed) {
    Generator random(seed + 77);
    std::vector<float> values;
    values.reserve(static_cast<std::size_t>(tokens * inputs));
    for (std::int64_t token = 0; token < tokens; ++token)
        for (std::int64_t i = 0; i < inputs; ++i) {
            const float value = random.unit() + random.unit() + random.unit() - 1.5F;
            values.push_back(i % 61 == 5 ? 20.0F * value : value);
        }
    return values;
}

std::vector<PackedKind> packed_kinds() {
    CodeGrid table;
    table.shape = CodeGrid::Shape::table;
    table.levels = 16;
    for (std::size_t i = 0; i < 16; ++i) table.table[i] = 0.25F * static_cast<float>(i * i) - 25.0F;
    return {{"1 bit", lattice(2, false), 1},   {"2 bits", lattice(4, false), 2},
            {"4 bits", lattice(16, false), 4}, {"4 bits with specials", lattice(14, true), 4},
            {"4 bits of a table", table, 4},   {"3 bits in bytes", lattice(8, false), 8},
            {"8 bits", lattice(256, false), 8}};
}

std::vector<PackedShape> packed_shapes() {
    return {{6, 128, {1, 128}}, {6, 128, {1, 32}},      {6, 128, {6, 128}},    {5, 40, {1, 8}},
            {5, 37, {1, 37}},   {4, 24, {4, 1}},        {3, 16, {1, 16}},      {4, 64, {2, 32}},
            {1, 1, {1, 1}},     {257, 11008, {1, 128}}, {130, 4096, {1, 4096}}};
}

PackedData make_packed_data(const PackedKind& kind, const PackedShape& shape) {
    Generator random(static_cast<std::uint32_t>(shape.rows + shape.columns + kind.bits));
    PackedData data;
    const std::int64_t row_bytes = PackedMatrix{nullptr, shape.rows, shape.columns, kind.bits}.row_bytes();
    data.packed.resize(static_cast<std::size_t>(shape.rows * row_bytes));
    for (std::int64_t i = 0; i < shape.rows * shape.columns; ++i) {
        const auto code = random.below(static_cast<std::uint32_t>(kind.grid.code_count()));
        const std::int64_t bit = i % shape.columns * kind.bits;
        data.codes.push_back(static_cast<std::uint8_t>(code));
        data.packed[static_cast<std::size_t>(i / shape.columns * row_bytes + bit / 8)] |=
            static_cast<std::uint8_t>(code << (bit % 8));
    }
    for (std::int64_t i = 0; i < shape.layout.count(shape.rows, shape.columns); ++i) {
        data.scale.push_back(0.001F + 0.0003F * static_cast<float>(random.below(1000)));
        data.zero.push_back(kind.grid.shape == CodeGrid::Shape::lattice ? static_cast<float>(random.below(8)) : 0.0F);
    }
    return data;
}

} // namespace graticule::conformance
