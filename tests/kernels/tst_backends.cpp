// Back ends against each other with the cases of kernels/conformance. The CPU back end against itself shows that the
// cases hold; back ends with one planted error each show that the comparison sees it.
#include <QtTest/QTest>
#include <algorithm>
#include <cmath>

#include "kernels/api/backends.h"
#include "kernels/api/histogram_bin.h"
#include "kernels/api/kernel_error.h"
#include "kernels/conformance/conformance.h"
#include "tests/support/test_main.h"

using namespace graticule;

namespace {

enum class Fault {
    code,
    scale,
    value,
    dynamic_value,
    underflow,
    codes_used,
    error_sum,
    beyond_end,
    between_rows,
    moment,
    extreme,
    bin,
    walk,
    transform
};

/// The CPU back end with one small error.
class FaultyBackend final : public Backend {
public:
    explicit FaultyBackend(Fault fault)
        : fault_(fault) {}
    [[nodiscard]] std::string_view name() const override { return "faulty"; }

    void find_scales(MatrixView<const float> values, BlockLayout layout, const CodeGrid& grid, ScaleOptions options,
                     float* scale, float* zero, Stream stream) const override {
        cpu_backend().find_scales(values, layout, grid, options, scale, zero, stream);
        if (fault_ == Fault::scale && values.columns == 33) scale[0] = std::nextafter(scale[0], 1e30F);
    }
    void quantize(MatrixView<const float> values, BlockLayout layout, const CodeGrid& grid, const float* scale,
                  const float* zero, MatrixView<std::uint8_t> codes, QuantizeCounts* counts,
                  Stream stream) const override {
        cpu_backend().quantize(values, layout, grid, scale, zero, codes, counts, stream);
        if (fault_ == Fault::code && values.columns == 7) codes.data[6] ^= 1;
        if (counts == nullptr) return;
        if (fault_ == Fault::underflow && counts->underflow > 3) --counts->underflow;
        if (fault_ == Fault::codes_used) std::swap(counts->codes_used[0], counts->codes_used[1]);
    }
    void dequantize(MatrixView<const std::uint8_t> codes, BlockLayout layout, const CodeGrid& grid, const float* scale,
                    const float* zero, MatrixView<float> values, Stream stream) const override {
        cpu_backend().dequantize(codes, layout, grid, scale, zero, values, stream);
        if (fault_ == Fault::value) values.data[values.columns - 1] *= 1.000001F;
    }
    void fake_quantize(MatrixView<const float> values, BlockLayout layout, const CodeGrid& grid, const float* scale,
                       const float* zero, MatrixView<float> out, QuantizeCounts* counts, Stream stream) const override {
        cpu_backend().fake_quantize(values, layout, grid, scale, zero, out, counts, stream);
        if (fault_ == Fault::error_sum && counts != nullptr) counts->squared_error *= 1.00001;
        if (fault_ == Fault::beyond_end) out.data[(out.rows - 1) * out.row_stride + out.columns] = 0;
        if (fault_ == Fault::between_rows && out.row_stride > out.columns) out.data[out.columns] = 0;
    }
    void fake_quantize_dynamic(MatrixView<const float> values, BlockLayout layout, const CodeGrid& grid,
                               ScaleOptions options, MatrixView<float> out, QuantizeCounts* counts,
                               Stream stream) const override {
        cpu_backend().fake_quantize_dynamic(values, layout, grid, options, out, counts, stream);
        if (fault_ == Fault::dynamic_value && out.rows == 300) out.data[299 * out.row_stride] += 1;
    }
    void column_statistics(MatrixView<const float> values, ColumnStatistics out, std::int64_t* negative,
                           std::int64_t* positive, Stream stream) const override {
        cpu_backend().column_statistics(values, out, negative, positive, stream);
        if (fault_ == Fault::moment) out.m3[values.columns - 1] *= 1.001;
        if (fault_ == Fault::extreme) out.minimum[0] = std::nextafter(out.minimum[0], 0.0F);
        if (fault_ == Fault::bin && positive[300] > 2) --positive[300];
    }
    void gptq_walk(const GptqWalk& walk, const CodeGrid& grid, Stream stream) const override {
        cpu_backend().gptq_walk(walk, grid, stream);
        if (fault_ == Fault::walk) walk.error.data[0] = std::nextafter(walk.error.data[0], 1.0F);
    }
    void hadamard(MatrixView<const float> values, std::int64_t block, MatrixView<float> out,
                  Stream stream) const override {
        cpu_backend().hadamard(values, block, out, stream);
        if (fault_ == Fault::transform && block == 32) out.data[31] = std::nextafter(out.data[31], 1.0F);
    }

private:
    Fault fault_;
};

int failures(const std::vector<ConformanceResult>& rows, const QString& operation = {}) {
    int sum = 0;
    for (const ConformanceResult& row : rows)
        if (operation.isEmpty() || QString::fromStdString(row.operation) == operation) sum += row.failures;
    return sum;
}

} // namespace

class TestBackends : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void cpu_against_itself();
    void planted_errors_are_found_data();
    void planted_errors_are_found();
    void moments_by_hand();
    void moments_of_large_offset();
    void histogram_edges();
    void histogram_accumulates();
    void counts_by_hand();
    void hadamard_is_its_matrix_data();
    void hadamard_is_its_matrix();
    void bad_arguments_data();
    void bad_arguments();
    void cuda_against_cpu();
};

void TestBackends::cpu_against_itself() {
    const std::vector<ConformanceResult> rows = run_conformance(cpu_backend(), cpu_backend(), host_memory());
    QCOMPARE(failures(rows), 0);
    QVERIFY(rows.size() > 80);
    for (const ConformanceResult& row : rows)
        QVERIFY2(row.cases >= (row.operation == "refusals"    ? 5
                               : row.operation == "gptq_walk" ? 18
                                                              : 80),
                 row.operation.c_str());
}

void TestBackends::planted_errors_are_found_data() {
    QTest::addColumn<int>("fault");
    QTest::addColumn<QString>("operation");
    const auto add = [](const char* name, Fault fault, const char* operation) {
        QTest::newRow(name) << static_cast<int>(fault) << QString::fromLatin1(operation);
    };
    add("one code off by one", Fault::code, "quantize");
    add("one scale off by a bit", Fault::scale, "find_scales");
    add("one value off by 1e-6", Fault::value, "dequantize");
    add("one dynamic value", Fault::dynamic_value, "fake_quantize_dynamic");
    add("one underflow missed", Fault::underflow, "quantize");
    add("two code counts swapped", Fault::codes_used, "quantize");
    add("error sum off by 1e-5", Fault::error_sum, "fake_quantize");
    add("written beyond the end", Fault::beyond_end, "guard zones");
    add("written between rows", Fault::between_rows, "guard zones");
    add("third moment off by 1e-3", Fault::moment, "column_statistics");
    add("minimum off by a bit", Fault::extreme, "column_statistics");
    add("one value missing in the histogram", Fault::bin, "column_statistics");
    add("one error of GPTQ off by a bit", Fault::walk, "gptq_walk");
    add("one transformed value off by a bit", Fault::transform, "hadamard");
}

void TestBackends::planted_errors_are_found() {
    QFETCH(int, fault);
    QFETCH(QString, operation);
    const FaultyBackend faulty(static_cast<Fault>(fault));
    const std::vector<ConformanceResult> rows =
        run_conformance(faulty, cpu_backend(), host_memory(), ConformanceDepth::quick);
    QVERIFY2(failures(rows, operation) > 0, "the planted error went unseen");
    for (const ConformanceResult& row : rows) QCOMPARE(row.failures == 0, row.first_failure.empty());
}

namespace {

struct Columns {
    explicit Columns(std::int64_t count)
        : minimum(static_cast<std::size_t>(count))
        , maximum(minimum.size())
        , mean(minimum.size())
        , m2(minimum.size())
        , m3(minimum.size())
        , m4(minimum.size())
        , negative(histogram_bins)
        , positive(histogram_bins) {}
    void run(const std::vector<float>& values, std::int64_t rows, std::int64_t columns) {
        cpu_backend().column_statistics({values.data(), rows, columns},
                                        {minimum.data(), maximum.data(), mean.data(), m2.data(), m3.data(), m4.data()},
                                        negative.data(), positive.data(), {});
    }
    std::vector<float> minimum, maximum;
    std::vector<double> mean, m2, m3, m4;
    std::vector<std::int64_t> negative, positive;
};

} // namespace

/// Column 0: 1 2 3 6 (mean 3; differences -2 -1 0 3). Column 1 holds a NaN, column 2 an infinity.
void TestBackends::moments_by_hand() {
    const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
    Columns found(3);
    found.run({1, 0, 0, 2, nan, 0, 3, 0, infinity, 6, 0, 0}, 4, 3);
    QCOMPARE(found.minimum[0], 1.0F);
    QCOMPARE(found.maximum[0], 6.0F);
    QCOMPARE(found.mean[0], 3.0);
    QCOMPARE(found.m2[0], 14.0);
    QCOMPARE(found.m3[0], 18.0);
    QCOMPARE(found.m4[0], 98.0);
    for (const std::size_t column : {std::size_t{1}, std::size_t{2}}) {
        QVERIFY(std::isnan(found.mean[column]) && std::isnan(found.m4[column]) && std::isnan(found.minimum[column]));
    }
    QCOMPARE(std::count_if(found.positive.begin(), found.positive.end(), [](auto n) { return n != 0; }), 6);
    QCOMPARE(found.positive[0], std::int64_t{6}); // six zeros; the NaN is in no bin
    QCOMPARE(found.positive[histogram_bins - 1], std::int64_t{1});
}

/// 10,000 values of +-1 about 1e6 in turn: sums of powers would lose m4 entirely. Exact: mean 1e6, m2 = m4 = n, m3 = 0.
void TestBackends::moments_of_large_offset() {
    std::vector<float> values;
    for (int i = 0; i < 10000; ++i) values.push_back(i % 2 == 0 ? 1000001.0F : 999999.0F);
    Columns found(1);
    found.run(values, 10000, 1);
    QCOMPARE(found.mean[0], 1e6);
    QCOMPARE(found.m2[0], 1e4);
    QVERIFY(std::fabs(found.m3[0]) < 1e-6);
    QCOMPARE(found.m4[0], 1e4);
}

/// Every bin edge of the definition in backend.h: the smallest float at or above 2^(-40 + i/8) opens bin 1 + i.
void TestBackends::histogram_edges() {
    const auto bin_of = [](float x) { return histogram_bin(std::bit_cast<std::uint32_t>(x)); };
    for (int i = 0; i < histogram_bins - 2; ++i) {
        const long double edge =
            std::exp2(static_cast<long double>(histogram_first_exponent) + static_cast<long double>(i) / 8);
        float at = static_cast<float>(edge);
        if (static_cast<long double>(at) < edge) at = std::nextafter(at, std::numeric_limits<float>::infinity());
        QCOMPARE(bin_of(at), 1 + i);
        QCOMPARE(bin_of(std::nextafter(at, 0.0F)), i);
    }
    QCOMPARE(bin_of(0.0F), 0);
    QCOMPARE(bin_of(1e-44F), 0);
    QCOMPARE(bin_of(std::exp2(40.0F)), histogram_bins - 1);
    QCOMPARE(bin_of(std::numeric_limits<float>::infinity()), histogram_bins - 1);
}

void TestBackends::histogram_accumulates() {
    Columns found(2);
    found.run({1, -1, 1, -0.0F}, 2, 2);
    found.run({1, -1, 1, -0.0F}, 2, 2);
    const auto one = static_cast<std::size_t>(histogram_bin(std::bit_cast<std::uint32_t>(1.0F)));
    QCOMPARE(found.positive[one], std::int64_t{4});
    QCOMPARE(found.negative[one], std::int64_t{2});
    QCOMPARE(found.positive[0], std::int64_t{2}); // -0 is not negative
    QCOMPARE(found.negative[0], std::int64_t{0});
}

/// INT4, zero 8, scale 2: points -16..14.
void TestBackends::counts_by_hand() {
    CodeGrid grid;
    grid.levels = 16;
    const float infinity = std::numeric_limits<float>::infinity();
    const std::vector<float> x = {0,     1,   -1,  1.5F,     15,
                                  15.5F, -17, -18, infinity, std::numeric_limits<float>::quiet_NaN()};
    const float scale = 2, zero = 8;
    std::vector<std::uint8_t> codes(x.size());
    QuantizeCounts counts;
    cpu_backend().quantize({x.data(), 1, 10}, {1, 10}, grid, &scale, &zero, {codes.data(), 1, 10}, &counts, {});
    QCOMPARE(codes, (std::vector<std::uint8_t>{8, 8, 8, 9, 15, 15, 0, 0, 15, 8}));
    QCOMPARE(counts.total, std::int64_t{10});
    QCOMPARE(counts.zeros_in, std::int64_t{1});
    QCOMPARE(counts.underflow, std::int64_t{2}); // 1 and -1, half to even
    QCOMPARE(counts.clipped, std::int64_t{2});   // 15.5 and -18; 15 and -17 are half a step outside, not more
    QCOMPARE(counts.not_finite, std::int64_t{2});
    QCOMPARE(counts.squared_error, 1 + 1 + 0.25 + 1 + 2.25 + 1 + 4);
    QCOMPARE(counts.squared_underflow_error, 2.0);
    QCOMPARE(counts.squared_clip_error, 2.25 + 4);
    QCOMPARE(counts.squared_value, 1 + 1 + 2.25 + 225 + 240.25 + 289 + 324);
    QCOMPARE(counts.codes_used[8], std::int64_t{4});
    QCOMPARE(counts.codes_used[15], std::int64_t{3});
}

void TestBackends::hadamard_is_its_matrix_data() {
    QTest::addColumn<int>("block");
    for (int block = 1; block <= 256; block *= 2) QTest::addRow("blocks of %d", block) << block;
}

/// Element (i, j) of the Walsh-Hadamard matrix is -1 to the number of ones that i and j have in common.
void TestBackends::hadamard_is_its_matrix() {
    QFETCH(int, block);
    const int columns = 3 * block;
    std::vector<float> x, y(static_cast<std::size_t>(columns)), back(static_cast<std::size_t>(columns));
    for (int i = 0; i < columns; ++i) x.push_back(static_cast<float>((i * 37) % 101 - 50) / 7.0F);
    cpu_backend().hadamard({x.data(), 1, columns}, block, {y.data(), 1, columns}, {});
    for (int first = 0; first < columns; first += block)
        for (int i = 0; i < block; ++i) {
            double sum = 0;
            for (int j = 0; j < block; ++j)
                sum += (__builtin_popcount(static_cast<unsigned>(i & j)) % 2 == 0 ? 1.0 : -1.0) *
                       static_cast<double>(x[static_cast<std::size_t>(first + j)]);
            QVERIFY(std::abs(static_cast<double>(y[static_cast<std::size_t>(first + i)]) - sum / std::sqrt(block)) <
                    2e-5);
        }
    cpu_backend().hadamard({y.data(), 1, columns}, block, {back.data(), 1, columns}, {});
    for (std::size_t i = 0; i < x.size(); ++i) QVERIFY(std::abs(back[i] - x[i]) < 1e-5F);
    for (const int bad : {0, 3, 2 * block, 512}) // 3 divides the columns but is no power of two, 2 block the reverse
        QVERIFY_THROWS_EXCEPTION(KernelError,
                                 cpu_backend().hadamard({x.data(), 1, columns}, bad, {y.data(), 1, columns}, {}));
}

void TestBackends::bad_arguments_data() {
    QTest::addColumn<int>("rows_per_block");
    QTest::addColumn<int>("columns_per_block");
    QTest::addColumn<int>("stride");
    QTest::addColumn<float>("clip");
    QTest::addColumn<QString>("says");
    QTest::newRow("group does not divide") << 1 << 5 << 12 << 1.0F << "blocks of 5 do not divide 12 columns";
    QTest::newRow("rows do not divide") << 3 << 12 << 12 << 1.0F << "blocks of 3 do not divide 4 rows";
    QTest::newRow("empty block") << 0 << 12 << 12 << 1.0F << "blocks of 0";
    QTest::newRow("rows overlap") << 1 << 12 << 11 << 1.0F << "row stride of 11";
    QTest::newRow("clip ratio") << 1 << 12 << 12 << 0.0F << "clip ratio";
    QTest::newRow("clip ratio NaN") << 1 << 12 << 12 << std::numeric_limits<float>::quiet_NaN() << "clip ratio";
}

/// The CUDA back end makes the same checks before it touches the device; where there is one, its exception must cross
/// the module's edge.
void TestBackends::bad_arguments() {
    QFETCH(int, rows_per_block);
    QFETCH(int, columns_per_block);
    QFETCH(int, stride);
    QFETCH(float, clip);
    QFETCH(QString, says);
    CodeGrid grid;
    grid.levels = 16;
    std::vector<float> x(48), out(48);
    std::string why;
    for (const Backend* backend : {&cpu_backend(), cuda_backend(why)}) {
        if (backend == nullptr) continue;
        try {
            backend->fake_quantize_dynamic({x.data(), 4, 12, stride}, {rows_per_block, columns_per_block}, grid,
                                           {ScaleRule::symmetric_absmax, clip, 0}, {out.data(), 4, 12}, nullptr, {});
            QFAIL("accepted");
        } catch (const KernelError& error) {
            QCOMPARE(error.kind(), KernelError::Kind::invalid_argument);
            QVERIFY2(QString::fromUtf8(error.what()).contains(says), error.what());
        }
    }
}

void TestBackends::cuda_against_cpu() {
    std::string why;
    const Backend* cuda = cuda_backend(why);
    if (cuda == nullptr) {
        QVERIFY2(!why.empty(), "no CUDA back end and no reason given");
        if (qEnvironmentVariableIntValue("GRATICULE_REQUIRE_CUDA") == 1) QFAIL(why.c_str());
        QSKIP(("needs CUDA: " + why).c_str());
    }
    for (const ConformanceResult& row : run_conformance(*cuda, cpu_backend(), cuda_memory()))
        QVERIFY2(row.failures == 0, (row.operation + " " + row.format + ": " + std::to_string(row.failures) + " of " +
                                     std::to_string(row.cases) + " cases, first " + row.first_failure)
                                        .c_str());
}

GRATICULE_TEST(TestBackends);
#include "tst_backends.moc"
