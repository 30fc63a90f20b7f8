// Weight-only products: the reference against the contract, and the GPU's index arithmetic without a GPU: a product put
// together thread by thread from the functions that the kernel is made of and from PTX's own definition of m16n8k16.
#include <QtTest/QTest>
#include <array>
#include <cmath>
#include <set>

#include "kernels/api/backends.h"
#include "kernels/api/gemm.h"
#include "kernels/api/half.h"
#include "kernels/api/kernel_error.h"
#include "kernels/conformance/gemm_cases.h"
#include "kernels/conformance/gemm_conformance.h"
#include "kernels/cuda/gemm/weight_only_layout.h"
#include "tests/kernels/grids.h"
#include "tests/support/test_main.h"

using namespace graticule;
using namespace graticule::testing;
namespace layout = graticule::cuda::weight_only;

namespace {

std::vector<float> reference_product(const GemmProblem& problem, const conformance::GemmData& data,
                                     const std::vector<std::uint16_t>& x) {
    const WeightOnlyRow& row = cpu_gemms().weight_only.back();
    std::vector<std::uint8_t> packed(row.packed_bytes(problem)), workspace(row.workspace_bytes(problem));
    row.pack(problem,
             {{data.codes.data(), problem.outputs, problem.inputs},
              data.scale.data(),
              data.zero.data(),
              nullptr,
              data.bias.data()},
             packed.data(), {});
    std::vector<std::uint16_t> y(std::size_t(problem.tokens * problem.outputs));
    row.run(problem, packed.data(), {x.data(), problem.output, problem.tokens, problem.inputs, problem.inputs},
            {y.data(), problem.outputs}, workspace.data(), {});
    std::vector<float> values;
    for (const std::uint16_t half : y)
        values.push_back(problem.output == ValueType::bf16 ? bf16_to_float(half) : f16_to_float(half));
    return values;
}

/// A code and an offset as the kernel adds them, in the type's own arithmetic.
float code_less_zero(ValueType type, std::uint32_t codes, std::uint32_t offsets, int half) {
    const auto code = static_cast<std::uint16_t>(codes >> (16 * half));
    const auto offset = static_cast<std::uint16_t>(offsets >> (16 * half));
    return type == ValueType::bf16 ? bf16_to_float(float_to_bf16(bf16_to_float(code) + bf16_to_float(offset)))
                                   : f16_to_float(float_to_f16(f16_to_float(code) + f16_to_float(offset)));
}

} // namespace

class TestWeightOnly : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void reference_follows_the_contract_data();
    void reference_follows_the_contract();
    void reference_is_within_the_stated_error();
    void refusals();
    void codes_have_places_of_their_own();
    void inputs_have_places_of_their_own();
    void codes_become_floats_exactly();
    void a_warp_multiplies_what_it_should_data();
    void a_warp_multiplies_what_it_should();
};

void TestWeightOnly::reference_follows_the_contract_data() {
    QTest::addColumn<int>("group");
    QTest::addColumn<bool>("bf16");
    for (const int group : {0, 64, 128, 96})
        for (const bool bf16 : {true, false}) QTest::addRow("%d %s", group, bf16 ? "bf16" : "f16") << group << bf16;
}

void TestWeightOnly::reference_follows_the_contract() {
    QFETCH(int, group);
    QFETCH(bool, bf16);
    const CodeGrid grid = int_grid(4);
    const GemmProblem problem{3,
                              20,
                              384,
                              &grid,
                              group == 0 ? GemmGrain::channel : GemmGrain::group,
                              group,
                              false,
                              bf16 ? ValueType::bf16 : ValueType::f16};
    const conformance::GemmData data = conformance::make_gemm_data(problem, 21);
    std::vector<std::uint16_t> x;
    for (const float value : conformance::make_gemm_inputs(3, 384, 22))
        x.push_back(bf16 ? float_to_bf16(value) : float_to_f16(value));
    const std::vector<float> y = reference_product(problem, data, x);
    for (std::size_t token = 0; token < 3; ++token)
        for (std::size_t output = 0; output < 20; ++output) {
            double sum = double{data.bias[output]};
            for (std::size_t i = 0; i < 384; ++i) {
                const std::size_t at =
                    group == 0 ? output : output * (384 / std::size_t(group)) + i / std::size_t(group);
                float scale = data.scale[at];
                if (group != 0) { // 16 significant bits
                    int exponent = 0;
                    const float mantissa = std::frexp(scale, &exponent);
                    scale = std::ldexp(std::nearbyint(std::ldexp(mantissa, 16)), exponent - 16);
                }
                const std::uint16_t half = x[token * 384 + i];
                sum += double{bf16 ? bf16_to_float(half) : f16_to_float(half)} *
                       (double(data.codes[output * 384 + i]) - double{data.zero[at]}) * double{scale};
            }
            const auto single = static_cast<float>(sum);
            QCOMPARE(y[token * 20 + output],
                     bf16 ? bf16_to_float(float_to_bf16(single)) : f16_to_float(float_to_f16(single)));
        }
}

void TestWeightOnly::reference_is_within_the_stated_error() {
    GemmTable table = cpu_gemms();
    table.rows = {};
    int cases = 0;
    for (const ConformanceResult& row : run_gemm_conformance(table, host_memory(), ConformanceDepth::quick)) {
        QVERIFY2(row.failures == 0, (row.format + ": " + row.first_failure).c_str());
        if (row.operation == table.weight_only.back().name) cases += row.cases;
    }
    QVERIFY(cases > 50);
}

void TestWeightOnly::refusals() {
    const CodeGrid int4 = int_grid(4), dint4 = dint_grid(4);
    const GemmProblem problems[] = {{1, 8, 384, &dint4, GemmGrain::channel, 0, false, ValueType::bf16},
                                    {1, 8, 384, &int4, GemmGrain::dual, 128, false, ValueType::bf16},
                                    {1, 8, 384, &int4, GemmGrain::group, 100, false, ValueType::bf16},
                                    {1, 8, 384, &int4, GemmGrain::channel, 0, false, ValueType::f32}};
    const char* says[] = {"whole steps", "two levels", "groups of 100 do not divide 384", "f32; bf16 and f16"};
    for (std::size_t i = 0; i < std::size(problems); ++i) {
        std::string why;
        QVERIFY(choose_weight_only(cpu_gemms(), problems[i], why) == nullptr);
        QVERIFY2(QString::fromStdString(why).contains(QString::fromLatin1(says[i])), why.c_str());
        try {
            cpu_gemms().weight_only.back().pack(problems[i], {}, nullptr, {});
            QFAIL("accepted");
        } catch (const KernelError& error) {
            QCOMPARE(error.kind(), KernelError::Kind::invalid_argument);
        }
    }
}

/// Every code of a block has a nibble, no two the same one, and a word says which codes it holds.
void TestWeightOnly::codes_have_places_of_their_own() {
    std::set<std::pair<int, int>> seen;
    for (int output = 0; output < layout::tile_outputs; ++output)
        for (int input = 0; input < layout::block_inputs; ++input) {
            const layout::CodePlace place = layout::place_of_code(output, input);
            QVERIFY(place.word >= 0 && place.word < layout::code_bytes / 4 && place.nibble >= 0 && place.nibble < 8);
            QVERIFY(seen.emplace(place.word, place.nibble).second);
            const layout::WordCodes word = layout::codes_of_word(place.word);
            QCOMPARE(word.output, output);
            QCOMPARE(word.input, input / 8 * 8);
        }
}

void TestWeightOnly::inputs_have_places_of_their_own() {
    for (const int tile : {8, 16, 32, 64, 128}) {
        std::set<int> seen;
        for (int token = 0; token < tile; ++token)
            for (int input = 0; input < layout::block_inputs; ++input) {
                const int place = layout::place_of_input(token, input);
                QVERIFY(place >= 0 && place < tile * layout::token_bytes && place % 2 == 0);
                QVERIFY(seen.insert(place).second);
                if (input % 8 == 0) QCOMPARE(place % 16, 0); // what one copy moves
            }
    }
}

void TestWeightOnly::codes_become_floats_exactly() {
    for (int zero = -128; zero < 128; ++zero)
        for (std::uint32_t code = 0; code < 16; ++code)
            for (int pair = 0; pair < 4; ++pair) {
                const std::uint32_t word = code << (4 * pair) | (15 - code) << (4 * pair + 16);
                for (const ValueType type : {ValueType::bf16, ValueType::f16}) {
                    const bool bf16 = type == ValueType::bf16;
                    const std::uint32_t codes =
                        layout::two_codes(word, pair, bf16 ? layout::exponents_bf16 : layout::exponents_f16);
                    const std::uint32_t offsets = bf16 ? layout::two_offsets_bf16(zero) : layout::two_offsets_f16(zero);
                    QCOMPARE(code_less_zero(type, codes, offsets, 0), static_cast<float>(int(code) - zero));
                    QCOMPARE(code_less_zero(type, codes, offsets, 1), static_cast<float>(15 - int(code) - zero));
                }
            }
    for (const float scale : {1.0F, 0.1F, 3.3e-5F, 65504.0F, 0x1p-24F})
        for (const int zero : {-128, -1, 0, 7, 127}) {
            const std::uint32_t constant = layout::group_constant(scale, zero);
            QCOMPARE(layout::scale_of(constant), kept_scale(scale));
            QCOMPARE(layout::zero_of(constant), zero);
        }
    QCOMPARE(kept_scale(f16_to_float(0x3555)), f16_to_float(0x3555));
}

void TestWeightOnly::a_warp_multiplies_what_it_should_data() {
    QTest::addColumn<int>("tile");
    QTest::addColumn<bool>("bf16");
    for (const int tile : {8, 32, 128})
        for (const bool bf16 : {true, false}) QTest::addRow("%d %s", tile, bf16 ? "bf16" : "f16") << tile << bf16;
}

/// One block of 128 outputs x 128 inputs with a tile of tokens, as the kernel's loops go, lane by lane.
void TestWeightOnly::a_warp_multiplies_what_it_should() {
    QFETCH(int, tile);
    QFETCH(bool, bf16);
    const ValueType type = bf16 ? ValueType::bf16 : ValueType::f16;
    std::vector<int> codes(128 * 128), x(std::size_t(tile) * 128), zero(128);
    std::uint32_t state = 1;
    const auto below = [&](std::uint32_t bound) {
        state = state * 1664525U + 1013904223U;
        return static_cast<int>((std::uint64_t{state} * bound) >> 32);
    };
    for (int& code : codes) code = below(16);
    for (int& value : x) value = below(31) - 15;
    for (int& value : zero) value = below(20) - 2;
    std::vector<std::uint32_t> packed(layout::code_bytes / 4);
    std::vector<std::uint16_t> stage(std::size_t(tile * layout::token_bytes) / 2);
    for (int i = 0; i < 128; ++i)
        for (int k = 0; k < 128; ++k) {
            const layout::CodePlace place = layout::place_of_code(i, k);
            packed[std::size_t(place.word)] |= std::uint32_t(codes[std::size_t(i * 128 + k)]) << (4 * place.nibble);
        }
    for (int token = 0; token < tile; ++token)
        for (int k = 0; k < 128; ++k) {
            const auto value = static_cast<float>(x[std::size_t(token * 128 + k)]);
            stage[std::size_t(layout::place_of_input(token, k) / 2)] =
                bf16 ? float_to_bf16(value) : float_to_f16(value);
        }
    for (int sixteen = 0; sixteen < 8; ++sixteen)
        for (int eight = 0; eight < tile / 8; ++eight) {
            std::array<std::array<float, 8>, 16> sums{};
            for (int unit = 0; unit < layout::units; ++unit)
                for (int step = 0; step < layout::steps; ++step) {
                    std::array<std::array<float, 16>, 16> a{}; // rows, places
                    std::array<std::array<float, 8>, 16> b{};  // places, tokens
                    for (int lane = 0; lane < 32; ++lane) {
                        const int g = lane / 4, c = lane % 4;
                        const std::uint32_t* words = packed.data() + ((unit * 8 + sixteen) * 32 + lane) * 4;
                        for (int which = 0; which < 4; ++which) {
                            const layout::PairPlace at = layout::pair_of_register(step, which);
                            const std::uint32_t pair = layout::two_codes(
                                words[at.word], at.pair, bf16 ? layout::exponents_bf16 : layout::exponents_f16);
                            const int row = g + which % 2 * 8, place = 2 * c + which / 2 * 8; // PTX ISA
                            const int z = zero[std::size_t(sixteen * 16 + row)];
                            const std::uint32_t offsets =
                                bf16 ? layout::two_offsets_bf16(z) : layout::two_offsets_f16(z);
                            for (int half = 0; half < 2; ++half)
                                a[std::size_t(row)][std::size_t(place + half)] =
                                    code_less_zero(type, pair, offsets, half);
                        }
                        for (int which = 0; which < 2; ++which) {
                            // The lane's 16 inputs of a unit, in two 16-byte pieces of its token's row.
                            const int word = layout::input_word(step, which), token = eight * 8 + g;
                            const int at =
                                layout::place_of_input(token, unit * 64 + c * 16 + word / 4 * 8) / 2 + word % 4 * 2;
                            for (int half = 0; half < 2; ++half) {
                                const std::uint16_t bits = stage[std::size_t(at + half)];
                                b[std::size_t(2 * c + which * 8 + half)][std::size_t(g)] =
                                    bf16 ? bf16_to_float(bits) : f16_to_float(bits);
                            }
                        }
                    }
                    for (std::size_t row = 0; row < 16; ++row)
                        for (std::size_t token = 0; token < 8; ++token)
                            for (std::size_t place = 0; place < 16; ++place)
                                sums[row][token] += a[row][place] * b[place][token];
                }
            for (int row = 0; row < 16; ++row)
                for (int token = 0; token < 8; ++token) {
                    const int output = sixteen * 16 + row;
                    int expected = 0;
                    for (int k = 0; k < 128; ++k)
                        expected += (codes[std::size_t(output * 128 + k)] - zero[std::size_t(output)]) *
                                    x[std::size_t((eight * 8 + token) * 128 + k)];
                    QCOMPARE(sums[std::size_t(row)][std::size_t(token)], static_cast<float>(expected));
                }
        }
}

GRATICULE_TEST(TestWeightOnly);
#include "tst_weight_only.moc"
