// Integer products: the reference row against 64-bit sums and against simulation (dequantize, then multiply), every
// other row against the reference, refusals in words, and the 16-bit types.
#include <QtTest/QTest>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <map>

#include "kernels/api/backends.h"
#include "kernels/api/half.h"
#include "kernels/api/kernel_error.h"
#include "kernels/conformance/gemm_cases.h"
#include "kernels/conformance/gemm_conformance.h"
#include "kernels/conformance/row_coverage.h"
#include "tests/kernels/grids.h"
#include "tests/support/test_main.h"

using namespace graticule;
using namespace graticule::testing;
using conformance::GemmData;
using conformance::GemmKind;

namespace {

/// Inputs as the reference's quantization leaves them.
struct Inputs {
    Inputs(const std::vector<float>& x, std::int64_t tokens, std::int64_t inputs, bool zeros)
        : values(x.size())
        , scale(static_cast<std::size_t>(tokens))
        , zero(scale.size())
        , row_sum(scale.size()) {
        InputRounding rounding;
        rounding.options = {zeros ? ScaleRule::asymmetric_through_zero : ScaleRule::symmetric_absmax, 1, 1e-5F};
        cpu_gemms().quantize_input({x.data(), ValueType::f32, tokens, inputs, inputs}, rounding, InputLayout::plain,
                                   {values.data(), scale.data(), zero.data(), row_sum.data()}, {});
    }
    [[nodiscard]] GemmInput view() const { return {values.data(), scale.data(), zero.data(), row_sum.data()}; }
    std::vector<std::int8_t> values;
    std::vector<float> scale, zero;
    std::vector<std::int32_t> row_sum;
};

template <class T>
std::vector<T> reference_product(const GemmProblem& problem, const GemmData& data, const Inputs& inputs) {
    const GemmRow& row = cpu_gemms().rows.back();
    std::vector<std::uint8_t> packed(row.packed_bytes(problem)), workspace(row.workspace_bytes(problem));
    row.pack(problem,
             {{data.codes.data(), problem.outputs, problem.inputs},
              data.scale.data(),
              data.zero.data(),
              data.group_scale.data(),
              data.bias.data()},
             packed.data(), {});
    std::vector<T> y(static_cast<std::size_t>(problem.tokens * problem.outputs));
    row.run(problem, packed.data(), inputs.view(), {y.data(), problem.outputs}, workspace.data(), {});
    return y;
}

/// What a code stands for in whole or half steps, said once more from the papers' definitions.
std::int64_t integer_of(const CodeGrid& grid, std::int64_t code, float zero) {
    if (grid.special_count == 0) return code - static_cast<std::int64_t>(zero);
    if (code >= grid.levels) return code == grid.levels ? 1 : -1;
    return 2 * (code - static_cast<std::int64_t>(zero));
}

const GemmKind& kind_named(const QString& name) {
    static const std::vector<GemmKind> kinds = conformance::gemm_kinds();
    return *std::find_if(kinds.begin(), kinds.end(),
                         [&](const GemmKind& kind) { return QString::fromStdString(kind.name) == name; });
}

void report(const GemmTable& table, const std::vector<ConformanceResult>& rows) {
    for (const RowCoverage& row : row_coverage(table, rows)) {
        QVERIFY2(!row.failed(), row.text().c_str());
        if (row.lacks.empty())
            qInfo("%s", row.text().c_str());
        else
            qWarning("%s", row.text().c_str());
    }
    for (const ConformanceResult& row : rows)
        QVERIFY2(row.failures == 0, (row.operation + " " + row.format + ": " + std::to_string(row.failures) + " of " +
                                     std::to_string(row.cases) + " cases, first " + row.first_failure)
                                        .c_str());
}

} // namespace

class TestGemm : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void reference_is_exact_data();
    void reference_is_exact();
    void reference_is_simulation_data() { reference_is_exact_data(); }
    void reference_is_simulation();
    void inputs_are_the_back_ends_codes();
    void reasons_name_weights_by_their_bits();
    void tiles_hold_every_input_once();
    void zero_points_keep_weights_in_a_byte();
    void half_types();
    void refusals_data();
    void refusals();
    void cpu_rows_against_the_reference();
    void a_planted_error_is_found();
    void rows_without_cases_are_found();
    void cuda_rows_against_the_reference();
};

void TestGemm::reference_is_exact_data() {
    QTest::addColumn<QString>("kind");
    QTest::addColumn<bool>("zeros");
    for (const GemmKind& kind : conformance::gemm_kinds())
        for (const bool zeros : {false, true})
            QTest::addRow("%s%s", kind.name.c_str(), zeros ? " input zeros" : "")
                << QString::fromStdString(kind.name) << zeros;
}

/// Sums in 64 bits, then the contract's roundings written out.
void TestGemm::reference_is_exact() {
    QFETCH(QString, kind);
    QFETCH(bool, zeros);
    const GemmKind& k = kind_named(kind);
    const std::int64_t tokens = 5, outputs = 24, inputs = 384;
    GemmProblem problem{tokens, outputs, inputs, &k.grid, k.grain, k.group, zeros, ValueType::f32};
    const GemmData data = conformance::make_gemm_data(problem, 3);
    const Inputs x(conformance::make_gemm_inputs(tokens, inputs, 4), tokens, inputs, zeros);
    const std::vector<float> y = reference_product<float>(problem, data, x);
    problem.output = ValueType::bf16;
    const auto y_bf16 = reference_product<std::uint16_t>(problem, data, x);
    problem.output = ValueType::f16;
    const auto y_f16 = reference_product<std::uint16_t>(problem, data, x);
    problem.output = ValueType::i32;
    const auto sums =
        k.grain == GemmGrain::group ? std::vector<std::int32_t>() : reference_product<std::int32_t>(problem, data, x);
    const std::int64_t groups = groups_of(problem), length = inputs / groups;
    const float half = k.grid.special_count == 0 ? 1.0F : 0.5F;
    for (std::int64_t token = 0; token < tokens; ++token)
        for (std::int64_t output = 0; output < outputs; ++output) {
            const auto t = static_cast<std::size_t>(token), o = static_cast<std::size_t>(output);
            const auto at = static_cast<std::size_t>(token * outputs + output);
            std::int64_t whole = 0;
            float grouped = 0;
            for (std::int64_t group = 0; group < groups; ++group) {
                std::int64_t sum = 0;
                const auto g = static_cast<std::size_t>(output * groups + group);
                for (std::int64_t i = group * length; i < (group + 1) * length; ++i) {
                    const std::int64_t weight =
                        integer_of(k.grid, data.codes[static_cast<std::size_t>(output * inputs + i)], data.zero[g]) *
                        (k.grain == GemmGrain::dual ? data.group_scale[g] : 1);
                    const std::int64_t input = x.values[static_cast<std::size_t>(token * inputs + i)] -
                                               (zeros ? static_cast<std::int64_t>(x.zero[t]) : 0);
                    sum += weight * input;
                }
                whole += sum;
                if (k.grain == GemmGrain::group)
                    grouped = std::fma(static_cast<float>(sum), half * data.scale[g], grouped);
            }
            float expected;
            if (k.grain == GemmGrain::group) {
                const float scaled = grouped * x.scale[t];
                expected = scaled + data.bias[o];
            } else {
                QCOMPARE(std::int64_t{sums[at]}, whole);
                const float by_input = static_cast<float>(whole) * x.scale[t];
                const float by_weight = by_input * (half * data.scale[o]);
                expected = by_weight + data.bias[o];
            }
            QCOMPARE(std::bit_cast<std::uint32_t>(y[at]), std::bit_cast<std::uint32_t>(expected));
            QCOMPARE(y_bf16[at], float_to_bf16(expected));
            QCOMPARE(y_f16[at], float_to_f16(expected));
        }
}

/// The same values as fake-quantized inputs times dequantized weights, summed in float64, within the roundings of both.
void TestGemm::reference_is_simulation() {
    QFETCH(QString, kind);
    QFETCH(bool, zeros);
    const GemmKind& k = kind_named(kind);
    const std::int64_t tokens = 4, outputs = 16, inputs = 256;
    const GemmProblem problem{tokens, outputs, inputs, &k.grid, k.grain, k.group, zeros, ValueType::f32};
    GemmData data = conformance::make_gemm_data(problem, 8);
    const std::vector<float> values = conformance::make_gemm_inputs(tokens, inputs, 9);
    const Inputs x(values, tokens, inputs, zeros);
    const std::vector<float> y = reference_product<float>(problem, data, x);
    std::vector<float> rounded(values.size()), weight(data.codes.size());
    const ScaleOptions options{zeros ? ScaleRule::asymmetric_through_zero : ScaleRule::symmetric_absmax, 1, 1e-5F};
    cpu_backend().fake_quantize_dynamic({values.data(), tokens, inputs}, {1, inputs}, int_grid(8), options,
                                        {rounded.data(), tokens, inputs}, nullptr, nullptr, {});
    const std::int64_t groups = groups_of(problem);
    std::vector<float> scale(data.zero.size());
    for (std::size_t i = 0; i < scale.size(); ++i)
        scale[i] = k.grain == GemmGrain::group ? data.scale[i] : data.scale[i / static_cast<std::size_t>(groups)];
    if (k.grain == GemmGrain::dual)
        for (std::size_t i = 0; i < scale.size(); ++i) scale[i] *= static_cast<float>(data.group_scale[i]);
    cpu_backend().dequantize({data.codes.data(), outputs, inputs}, {1, inputs / groups}, k.grid, scale.data(),
                             data.zero.data(), {weight.data(), outputs, inputs}, {});
    for (std::int64_t token = 0; token < tokens; ++token)
        for (std::int64_t output = 0; output < outputs; ++output) {
            double sum = 0, magnitude = 0;
            for (std::int64_t i = 0; i < inputs; ++i) {
                const double term = double{rounded[static_cast<std::size_t>(token * inputs + i)]} *
                                    double{weight[static_cast<std::size_t>(output * inputs + i)]};
                sum += term;
                magnitude += std::fabs(term);
            }
            const double bias = double{data.bias[static_cast<std::size_t>(output)]};
            const double difference = double{y[static_cast<std::size_t>(token * outputs + output)]} - (sum + bias);
            QVERIFY2(std::fabs(difference) <= 4e-7 * (magnitude + std::fabs(bias)), qPrintable(kind));
        }
}

/// Codes less 128 and scales are those of the back end's own operations; a fixed scale is used as it is.
void TestGemm::inputs_are_the_back_ends_codes() {
    const std::int64_t tokens = 6, columns = 200;
    std::vector<float> values = conformance::make_gemm_inputs(tokens, columns, 1);
    values[7] = std::numeric_limits<float>::quiet_NaN();
    values[9] = std::numeric_limits<float>::infinity();
    for (const bool zeros : {false, true}) {
        const Inputs x(values, tokens, columns, zeros);
        std::vector<float> scale(tokens), zero(tokens);
        std::vector<std::uint8_t> codes(values.size());
        const ScaleOptions options{zeros ? ScaleRule::asymmetric_through_zero : ScaleRule::symmetric_absmax, 1, 1e-5F};
        cpu_backend().find_scales({values.data(), tokens, columns}, {1, columns}, int_grid(8), options, scale.data(),
                                  zero.data(), {});
        cpu_backend().quantize({values.data(), tokens, columns}, {1, columns}, int_grid(8), scale.data(), zero.data(),
                               {codes.data(), tokens, columns}, nullptr, {});
        QCOMPARE(x.scale, scale);
        for (std::size_t i = 0; i < codes.size(); ++i) QCOMPARE(int{x.values[i]}, int{codes[i]} - 128);
        for (std::size_t token = 0; token < scale.size(); ++token) {
            QCOMPARE(x.zero[token], zero[token] - 128.0F);
            int sum = 0;
            for (std::size_t i = 0; i < std::size_t(columns); ++i) sum += x.values[token * columns + i];
            QCOMPARE(x.row_sum[token], sum);
        }
    }
    const float fixed_scale = 0.5F, fixed_zero = 100.0F, x[3] = {1.0F, -80.0F, 0.25F};
    std::int8_t stored[3];
    float scale = 0, zero = 0;
    std::int32_t sum = 0;
    cpu_gemms().quantize_input({x, ValueType::f32, 1, 3, 3}, {{}, &fixed_scale, &fixed_zero}, InputLayout::plain,
                               {stored, &scale, &zero, &sum}, {});
    QCOMPARE(int{stored[0]}, 100 + 2 - 128);
    QCOMPARE(int{stored[1]}, -128);      // 100 - 160 is below the codes
    QCOMPARE(int{stored[2]}, 100 - 128); // half a step goes to the even side
    QCOMPARE(scale, 0.5F);
    QCOMPARE(zero, -28.0F);
    QCOMPARE(sum, -26 - 128 - 28);
}

void TestGemm::reasons_name_weights_by_their_bits() {
    CodeGrid grid;
    for (const auto& [levels, text] : {std::pair{8, "INT3 weights"}, {16, "INT4 weights"}, {256, "INT8 weights"}}) {
        grid.levels = levels;
        QCOMPARE(weights_text(grid), std::string(text));
    }
    grid.levels = 254;
    grid.special_count = 2;
    QCOMPARE(weights_text(grid), std::string("dINT8 weights"));
    // Rows that refuse for the same reason are named together.
    const auto refuses = [](const GemmProblem&) { return std::optional<std::string>("it rains"); };
    const GemmRow rows[] = {{"one", InputLayout::plain, refuses}, {"two", InputLayout::plain, refuses}};
    std::string why;
    QVERIFY(choose_gemm({rows, {}}, {}, why) == nullptr);
    QCOMPARE(why, std::string("one, two: it rains"));
}

void TestGemm::tiles_hold_every_input_once() {
    const std::int64_t tokens = 11, inputs = 200;
    const std::size_t bytes = quantized_input_bytes(InputLayout::tiles, tokens, inputs);
    QCOMPARE(bytes, std::size_t{16 * 256});
    std::vector<int> seen(bytes);
    for (std::int64_t token = 0; token < tokens; ++token)
        for (std::int64_t i = 0; i < 256; ++i)
            ++seen[static_cast<std::size_t>(place_in_layout(InputLayout::tiles, tokens, inputs, token, i))];
    QCOMPARE(std::count(seen.begin(), seen.end(), 1), std::ptrdiff_t{11 * 256});
    QCOMPARE(*std::max_element(seen.begin(), seen.end()), 1);
    // Token 3, input 130: second tile, piece 0 at place 0 ^ 3.
    QCOMPARE(place_in_layout(InputLayout::tiles, tokens, inputs, 3, 130), std::int64_t{(16 + 3) * 128 + 3 * 16 + 2});
}

void TestGemm::zero_points_keep_weights_in_a_byte() {
    for (const CodeGrid& grid : {int_grid(4), int_grid(3), int_grid(8), dint_grid(4), dint_grid(8)}) {
        const ZeroRange range = zero_range(grid);
        const IntegerCodes codes = integer_codes(grid);
        if (grid.levels > 16 || grid.special_count != 0) {
            QCOMPARE(range.lowest, 0);
            QCOMPARE(range.highest, grid.levels - 1);
            continue;
        }
        QVERIFY(range.lowest < 0 && range.highest >= grid.levels + 3); // DGQ's zero points
        QVERIFY(codes.value(grid.levels - 1, range.lowest) <= 127);
        QVERIFY(codes.value(0, range.highest) >= -128);
    }
}

/// Every half there is, there and back; roundings as IEEE 754 has them (values from its tables).
void TestGemm::half_types() {
    for (std::uint32_t bits = 0; bits < 0x10000U; ++bits) {
        const auto half = static_cast<std::uint16_t>(bits);
        if ((half & 0x7C00U) != 0x7C00U || (half & 0x3FFU) == 0) QCOMPARE(float_to_f16(f16_to_float(half)), half);
        if ((half & 0x7F80U) != 0x7F80U || (half & 0x7FU) == 0) QCOMPARE(float_to_bf16(bf16_to_float(half)), half);
    }
    QCOMPARE(f16_to_float(0x3555), 0.333251953125F);
    QCOMPARE(f16_to_float(0x7BFF), 65504.0F);
    QCOMPARE(f16_to_float(0x0001), 0x1p-24F);
    QCOMPARE(float_to_f16(65519.996F), std::uint16_t{0x7BFF});
    QCOMPARE(float_to_f16(65520.0F), std::uint16_t{0x7C00});
    QCOMPARE(float_to_f16(1.0F + 0x1p-11F), std::uint16_t{0x3C00});
    QCOMPARE(float_to_f16(1.0F + 0x3p-11F), std::uint16_t{0x3C02});
    QCOMPARE(float_to_f16(0x1p-25F), std::uint16_t{0});
    QCOMPARE(float_to_f16(std::nextafter(0x1p-25F, 1.0F)), std::uint16_t{1});
    QCOMPARE(float_to_f16(-0x1.ffcp-15F), std::uint16_t{0x8400}); // the largest below 2^-14 rounds up to normal
    QCOMPARE(float_to_bf16(1.00390625F), std::uint16_t{0x3F80});  // a tie goes to even
    QCOMPARE(float_to_bf16(1.01171875F), std::uint16_t{0x3F82});
    QCOMPARE(float_to_bf16(std::numeric_limits<float>::max()), std::uint16_t{0x7F80});
    QVERIFY(std::isnan(bf16_to_float(float_to_bf16(std::numeric_limits<float>::quiet_NaN()))));
    QVERIFY(std::isnan(f16_to_float(float_to_f16(std::numeric_limits<float>::quiet_NaN()))));
}

void TestGemm::refusals_data() {
    QTest::addColumn<QString>("says");
    QTest::addColumn<int>("which");
    const char* texts[] = {"table of values",    "special codes are not",   "groups of 100 do not divide 384 inputs",
                           "no one integer sum", "do not fit a 32-bit sum", "has no meaning",
                           "no weight format"};
    int which = 0;
    for (const char* text : texts) QTest::newRow(text) << QString::fromLatin1(text) << which++;
}

void TestGemm::refusals() {
    QFETCH(QString, says);
    QFETCH(int, which);
    const CodeGrid int4 = int_grid(4), fp4 = fp4_grid();
    CodeGrid odd = dint_grid(4);
    odd.specials = {0.25F, -0.25F};
    GemmProblem problems[] = {{1, 8, 384, &fp4},
                              {1, 8, 384, &odd},
                              {1, 8, 384, &int4, GemmGrain::group, 100},
                              {1, 8, 384, &int4, GemmGrain::group, 128, false, ValueType::i32},
                              {1, 8, 2000000, &int4},
                              {1, 0, 384, &int4},
                              {1, 8, 384, nullptr}};
    std::string why;
    QVERIFY(choose_gemm(cpu_gemms(), problems[which], why) == nullptr);
    QVERIFY2(QString::fromStdString(why).contains(says), why.c_str());
    const GemmRow& row = cpu_gemms().rows.back();
    QVERIFY(QString::fromStdString(why).contains(QString::fromUtf8(row.name.data(), qsizetype(row.name.size()))));
    try {
        row.pack(problems[which], {}, nullptr, {});
        QFAIL("accepted");
    } catch (const KernelError& error) {
        QCOMPARE(error.kind(), KernelError::Kind::invalid_argument);
    }
}

/// The reference itself is judged above.
void TestGemm::cpu_rows_against_the_reference() {
    GemmTable others = cpu_gemms();
    others.rows = others.rows.first(others.rows.size() - 1);
    others.weight_only = {};
    report(others, run_gemm_conformance(others, host_memory()));
}

/// A table whose product is off by one in one place, as its inputs and its weights are.
void TestGemm::a_planted_error_is_found() {
    GemmRow faulty = cpu_gemms().rows.back();
    faulty.run = [](const GemmProblem& problem, const void* packed, const GemmInput& input, GemmOutput y,
                    void* workspace, Stream stream) {
        cpu_gemms().rows.back().run(problem, packed, input, y, workspace, stream);
        if (problem.output == ValueType::i32 && problem.tokens == 17) ++static_cast<std::int32_t*>(y.data)[5];
    };
    WeightOnlyRow unfaithful = cpu_gemms().weight_only.back();
    unfaithful.run = [](const GemmProblem& problem, const void* packed, const ValueMatrix& x, GemmOutput y,
                        void* workspace, Stream stream) {
        cpu_gemms().weight_only.back().run(problem, packed, x, y, workspace, stream);
        if (problem.tokens == 17) static_cast<std::uint16_t*>(y.data)[5] += 2; // two places off
    };
    const GemmTable table{
        {&faulty, 1},
        {&unfaithful, 1},
        [](const InputSource& source, const InputRounding& rounding, InputLayout layout, const QuantizedInput& out,
           Stream stream) {
            cpu_gemms().quantize_input(source, rounding, layout, out, stream);
            if (source.values.type == ValueType::bf16) out.row_sum[0] += 1;
        },
        [](const PackedMatrix& codes, BlockLayout layout, const CodeGrid& grid, const float* scale, const float* zero,
           ValueType type, void* values, Stream stream) {
            cpu_gemms().dequantize(codes, layout, grid, scale, zero, type, values, stream);
            if (type == ValueType::f16) ++static_cast<std::uint16_t*>(values)[codes.columns - 1];
        },
        [](const ProductScales& scales, ValueType type, void* y, std::int64_t rows, std::int64_t columns,
           Stream stream) {
            cpu_gemms().scale_product({scales.row, scales.column, nullptr}, type, y, rows, columns, stream);
        }};
    std::map<std::string, int> failures;
    for (const ConformanceResult& row : run_gemm_conformance(table, host_memory(), ConformanceDepth::quick))
        failures[row.operation] += row.failures;
    QVERIFY(failures.at(std::string(faulty.name)) > 0);
    QVERIFY(failures.at(std::string(unfaithful.name)) > 0);
    QVERIFY(failures.at("quantize_input") > 0);
    QVERIFY(failures.at("dequantize packed codes") > 0);
    QVERIFY(failures.at("scale_product") > 0);
}

/// A row that refuses what it is there for leaves nothing that could fail.
void TestGemm::rows_without_cases_are_found() {
    std::array<GemmRow, 3> rows{cpu_gemms().rows.back(), cpu_gemms().rows.back(), cpu_gemms().rows.back()};
    rows[1].refuses = [](const GemmProblem& problem) {
        return problem.grain == GemmGrain::dual ? std::optional<std::string>("a slip") : no_integer_product(problem);
    };
    rows[2].name = "integer of another machine"; // nobody says what it takes
    GemmTable table = cpu_gemms();
    table.weight_only = {};
    const auto coverage_of = [&](const GemmRow& row) {
        table.rows = {&row, 1};
        return row_coverage(table, run_gemm_conformance(table, host_memory(), ConformanceDepth::quick)).at(0);
    };
    const RowCoverage whole = coverage_of(rows[0]);
    QVERIFY2(!whole.failed() && whole.lacks.empty() && whole.cases > 0, whole.text().c_str());
    const RowCoverage slip = coverage_of(rows[1]);
    QVERIFY(slip.failed() && slip.cases > 0);
    QCOMPARE(slip.missing,
             (std::vector<std::string>{"int4 dual128", "int4 dual64", "int4 dual32", "dint4 dual128", "dint4 dual64"}));
    QVERIFY(coverage_of(rows[2]).failed());
    const RowCoverage none = row_coverage(table, {}).at(0);
    QVERIFY(none.failed() && none.text().find("NOTHING WAS COMPARED") != std::string::npos);
}

void TestGemm::cuda_rows_against_the_reference() {
    std::string why;
    if (cuda_backend(why) == nullptr || !(why = cuda_card_problem()).empty()) {
        if (qEnvironmentVariableIntValue("GRATICULE_REQUIRE_CUDA") == 1) QFAIL(why.c_str());
        QSKIP(("needs CUDA: " + why).c_str());
    }
    QVERIFY(cuda_gemms() != nullptr);
    report(*cuda_gemms(), run_gemm_conformance(*cuda_gemms(), cuda_memory()));
}

GRATICULE_TEST(TestGemm);
#include "tst_gemm.moc"
