#include "kernels/conformance/cases.h"

#include <cmath>
#include <limits>

namespace graticule::conformance {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

CodeGrid lattice(int levels, std::vector<float> specials = {}) {
    CodeGrid grid;
    grid.levels = levels;
    grid.special_count = static_cast<int>(specials.size());
    for (std::size_t i = 0; i < specials.size(); ++i) grid.specials[i] = specials[i];
    return grid;
}

/// Every finite value of a sign-exponent-mantissa format, ascending, zero once.
CodeGrid floating(int mantissa_bits, int bias, int encodings_a_sign) {
    std::vector<float> positive;
    for (int bits = 0; bits < encodings_a_sign; ++bits) {
        const int exponent = bits >> mantissa_bits, mantissa = bits & ((1 << mantissa_bits) - 1);
        const int whole = exponent == 0 ? mantissa : (1 << mantissa_bits) + mantissa;
        positive.push_back(
            std::ldexp(static_cast<float>(whole), (exponent == 0 ? 1 : exponent) - bias - mantissa_bits));
    }
    CodeGrid grid;
    grid.shape = CodeGrid::Shape::table;
    grid.levels = static_cast<int>(2 * positive.size() - 1);
    for (std::size_t i = 0; i < positive.size(); ++i) {
        grid.table[positive.size() - 1 + i] = positive[i];
        grid.table[positive.size() - 1 - i] = -positive[i];
    }
    grid.table[positive.size() - 1] = 0.0F;
    return grid;
}

/// About normal: the sum of four bytes of the random word.
float bell(std::uint32_t random) {
    const std::uint32_t sum = (random & 255) + ((random >> 8) & 255) + ((random >> 16) & 255) + (random >> 24);
    return (static_cast<float>(sum) - 510.0F) / 147.0F;
}

/// A well mixed 32-bit word for each element (splitmix64's finalizer).
std::uint32_t random_word(std::uint64_t index) {
    std::uint64_t z = (index + 1) * 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return static_cast<std::uint32_t>((z ^ (z >> 31)) >> 32);
}

} // namespace

std::vector<Format> formats() {
    std::vector<Format> all;
    for (int bits = 2; bits <= 8; ++bits)
        all.push_back({"int" + std::to_string(bits), lattice(1 << bits), bits == 4 || bits == 8});
    all.push_back({"int8 without -128", lattice(255), false});
    for (const int bits : {3, 4, 8})
        all.push_back({"dint" + std::to_string(bits), lattice((1 << bits) - 2, {0.5F, -0.5F}), bits == 4});
    all.push_back({"one special", lattice(15, {0.25F}), false});
    all.push_back({"fp4 e2m1", floating(1, 1, 8), true});
    all.push_back({"fp8 e4m3", floating(3, 7, 127), true});   // 0x7f is NaN
    all.push_back({"fp8 e5m2", floating(2, 15, 124), false}); // 0x7c and on are infinity and NaN
    return all;
}

std::vector<Shape> shapes() {
    const auto tensor = [](std::int64_t rows, std::int64_t columns) { return BlockLayout{rows, columns}; };
    return {
        {1, 1, 1, 0, {{1, 1}}},
        {1, 7, 7, 0, {{1, 7}, {1, 1}}},
        {7, 33, 33, 0, {tensor(7, 33), {1, 33}, {1, 11}, {7, 1}}},
        {33, 31, 40, 0, {tensor(33, 31), {1, 31}, {33, 1}, {11, 31}}},
        {31, 32, 32, 1, {tensor(31, 32), {1, 32}, {1, 8}, {31, 1}}}, // off an aligned address
        {6, 128, 132, 0, {tensor(6, 128), {1, 128}, {1, 32}, {2, 16}, {6, 1}, {3, 4}}},
        {3, 1024, 1024, 0, {{1, 1024}, {1, 128}}},
        {2, 2564, 2564, 0, {{1, 2564}, tensor(2, 2564)}},
        {300, 68, 68, 0, {{1, 68}, {300, 1}, tensor(300, 68), {100, 4}}},
    };
}

std::vector<Input> inputs() {
    return {
        {"bell", true, [](std::uint32_t random, std::int64_t, std::int64_t) { return bell(random); }},
        {"outlier columns", false,
         [](std::uint32_t random, std::int64_t, std::int64_t column) {
             return bell(random) * (column % 16 == 3 ? 60.0F : 0.5F);
         }},
        {"ties", true, // multiples of 1/4 up to 8: with absmax scales many fall on midpoints
         [](std::uint32_t random, std::int64_t, std::int64_t) {
             return static_cast<float>(static_cast<int>(random % 65) - 32) / 4;
         }},
        {"all zero", false,
         [](std::uint32_t random, std::int64_t, std::int64_t) { return random % 2 == 0 ? 0.0F : -0.0F; }},
        {"all positive", false,
         [](std::uint32_t random, std::int64_t, std::int64_t) { return 2.0F + std::fabs(bell(random)); }},
        {"all negative", false,
         [](std::uint32_t random, std::int64_t, std::int64_t) { return -2.0F - std::fabs(bell(random)); }},
        {"NaN and infinity", true,
         [](std::uint32_t random, std::int64_t row, std::int64_t) {
             if (row % 2 == 0) return bell(random);
             return random % 13 == 0   ? not_a_number
                    : random % 13 == 1 ? infinity
                    : random % 13 == 2 ? -infinity
                                       : bell(random);
         }},
        {"denormal", false,
         [](std::uint32_t random, std::int64_t, std::int64_t) {
             return std::ldexp(bell(random), -130 - static_cast<int>(random % 15));
         }},
        {"huge", false, [](std::uint32_t random, std::int64_t, std::int64_t) { return bell(random) * 9e37F; }},
        {"all magnitudes", false,
         [](std::uint32_t random, std::int64_t, std::int64_t) {
             return std::ldexp(bell(random), static_cast<int>(random % 200) - 100);
         }},
    };
}

std::vector<Rule> rules() {
    const auto coded = [](ScaleRule rule, ScaleCoding coding) { return ScaleOptions{rule, 1.0F, 0.0F, coding}; };
    const auto above = [](ScaleRule rule, ScaleCoding coding, float finer_largest) {
        return ScaleOptions{rule, 1.0F, 0.0F, coding, {}, finer_largest};
    };
    constexpr ScaleCoding half{10, -14, 0x1p-24F, 65504.0F}, brain{7, -126, 0x1p-126F, 0x1.fep127F},
        e4m3{3, -6, 0x1p-9F, 448.0F}, e8m0{0, -126, 0x1p-126F, 0x1p127F, true}, whole{7, 7, 1.0F, 127.0F};
    constexpr auto asymmetric = ScaleRule::asymmetric_through_zero, absmax = ScaleRule::symmetric_absmax;
    return {
        {"asymmetric", {ScaleRule::asymmetric_through_zero, 1.0F, 0.0F}, true},
        {"asymmetric clipped", {ScaleRule::asymmetric_through_zero, 0.7F, 1e-5F}, false},
        {"absmax", {ScaleRule::symmetric_absmax, 1.0F, 1e-5F}, true},
        {"full range", {ScaleRule::symmetric_full_range, 0.9F, 0.0F}, false},
        {"half", coded(asymmetric, half), false},
        {"shared exponent", coded(absmax, e8m0), true},
        {"full range, shared exponent", coded(ScaleRule::symmetric_full_range, e8m0), false},
        {"e4m3 under the matrix", coded(absmax, e4m3), true, Rule::Coarse::of_matrix,
         above(absmax, float32_coding, 448.0F)},
        {"e4m3 under rows, clipped",
         {absmax, 0.8F, 1e-5F, e4m3},
         false,
         Rule::Coarse::of_rows,
         above(absmax, half, 448.0F)},
        {"whole numbers under rows", coded(asymmetric, whole), false, Rule::Coarse::of_rows,
         above(asymmetric, brain, 127.0F)},
        {"four over six", coded(absmax, e4m3), true, Rule::Coarse::of_matrix, above(absmax, float32_coding, 448.0F),
         true},
    };
}

std::vector<float> make_input(const Input& input, const Shape& shape) {
    std::vector<float> values(static_cast<std::size_t>(shape.rows * shape.stride), 12345.0F);
    for (std::int64_t row = 0; row < shape.rows; ++row)
        for (std::int64_t column = 0; column < shape.columns; ++column) {
            const auto index = static_cast<std::uint64_t>(row * shape.columns + column);
            values[static_cast<std::size_t>(row * shape.stride + column)] =
                input.value(random_word(index), row, column);
        }
    return values;
}

} // namespace graticule::conformance
