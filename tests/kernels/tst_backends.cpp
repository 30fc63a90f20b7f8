// Back ends against each other with the cases of kernels/conformance. The CPU back end against itself shows that the
// cases hold; back ends with one planted error each show that the comparison sees it.
#include <QtTest/QTest>
#include <algorithm>
#include <cmath>
#include <cstring>

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
    step,
    beyond_end,
    between_rows,
    moment,
    extreme,
    bin,
    segment,
    forgotten_call,
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
    [[nodiscard]] WeightFigures count_codes(MatrixView<const float> values, MatrixView<const std::uint8_t> codes,
                                            BlockLayout layout, const CodeGrid& grid, const float* scale,
                                            const float* zero, Stream stream) const override {
        WeightFigures figures = cpu_backend().count_codes(values, codes, layout, grid, scale, zero, stream);
        if (fault_ == Fault::step && !figures.steps.counts.empty()) ++figures.steps.first;
        return figures;
    }
    void fake_quantize(MatrixView<const float> values, BlockLayout layout, const CodeGrid& grid, const float* scale,
                       const float* zero, MatrixView<float> out, QuantizeCounts* counts, Stream stream) const override {
        cpu_backend().fake_quantize(values, layout, grid, scale, zero, out, counts, stream);
        if (fault_ == Fault::error_sum && counts != nullptr) counts->squared_error *= 1.00001;
        if (fault_ == Fault::beyond_end) out.data[(out.rows - 1) * out.row_stride + out.columns] = 0;
        if (fault_ == Fault::between_rows && out.row_stride > out.columns) out.data[out.columns] = 0;
    }
    [[nodiscard]] std::size_t dynamic_workspace_bytes(std::int64_t rows, std::int64_t columns,
                                                      BlockLayout layout) const override {
        return cpu_backend().dynamic_workspace_bytes(rows, columns, layout);
    }
    void fake_quantize_dynamic(MatrixView<const float> values, BlockLayout layout, const CodeGrid& grid,
                               ScaleOptions options, MatrixView<float> out, QuantizeCounts* counts, void* workspace,
                               Stream stream) const override {
        cpu_backend().fake_quantize_dynamic(values, layout, grid, options, out, counts, workspace, stream);
        if (fault_ == Fault::dynamic_value && out.rows == 300) out.data[299 * out.row_stride] += 1;
    }
    [[nodiscard]] std::size_t statistics_workspace_bytes(const ActivationBatch& batch,
                                                         SegmentEnds ends) const override {
        return cpu_backend().statistics_workspace_bytes(batch, ends);
    }
    void accumulate_statistics(const ActivationBatch& batch, SegmentEnds ends,
                               std::span<const std::int64_t> rows_before, const SiteAccumulators& sums, void* workspace,
                               Stream stream) const override {
        const std::vector<std::int64_t> nothing(ends.size());
        cpu_backend().accumulate_statistics(
            batch, ends, fault_ == Fault::forgotten_call ? std::span<const std::int64_t>(nothing) : rows_before, sums,
            workspace, stream);
        const std::int64_t last = std::ssize(ends) * batch.columns - 1;
        if (fault_ == Fault::moment) sums.m3[last] *= 1.001;
        if (fault_ == Fault::extreme) sums.minimum[0] = std::nextafter(sums.minimum[0], 0.0F);
        if (fault_ == Fault::bin && sums.histogram[300] > 2) --sums.histogram[300];
        if (fault_ == Fault::segment && ends.size() == 2) std::swap(sums.mean[0], sums.mean[batch.columns]);
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
    void samples_accumulate();
    void batches_do_not_matter_on_a_cpu();
    void bad_batches();
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
    add("steps counted one bin too high", Fault::step, "count_codes");
    add("written beyond the end", Fault::beyond_end, "guard zones");
    add("written between rows", Fault::between_rows, "guard zones");
    add("third moment off by 1e-3", Fault::moment, "accumulate_statistics");
    add("minimum off by a bit", Fault::extreme, "accumulate_statistics");
    add("one value missing in the histogram", Fault::bin, "accumulate_statistics");
    add("two segments' means swapped", Fault::segment, "accumulate_statistics");
    add("a second call that forgets the first", Fault::forgotten_call, "accumulate_statistics");
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

/// One segment, each call one sample more.
struct Columns {
    explicit Columns(std::int64_t count)
        : columns(count)
        , memory(SiteAccumulators::bytes(1, count) / sizeof(double))
        , found(memory.data(), 1, count) {}
    void run(const std::vector<float>& values) {
        const std::int64_t rows = std::ssize(values) / columns;
        const std::int64_t ends[] = {rows}, rows_before[] = {before};
        cpu_backend().accumulate_statistics({values.data(), ValueType::f32, 1, rows, columns, columns}, ends,
                                            rows_before, found, nullptr, {});
        before += rows;
    }
    [[nodiscard]] std::int64_t non_negative(int bin) const { return found.histogram[bin]; }
    [[nodiscard]] std::int64_t negative(int bin) const { return found.histogram[histogram_bins + bin]; }

    std::int64_t columns, before = 0;
    std::vector<double> memory;
    SiteAccumulators found;
};

} // namespace

/// Column 0: 1 2 3 6 (mean 3; differences -2 -1 0 3). Column 1 holds a NaN, column 2 an infinity.
void TestBackends::moments_by_hand() {
    const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
    Columns columns(3);
    columns.run({1, 0, 0, 2, nan, 0, 3, 0, infinity, 6, 0, 0});
    const SiteAccumulators& found = columns.found;
    QCOMPARE(found.minimum[0], 1.0F);
    QCOMPARE(found.maximum[0], 6.0F);
    QCOMPARE(found.mean[0], 3.0);
    QCOMPARE(found.m2[0], 14.0);
    QCOMPARE(found.m3[0], 18.0);
    QCOMPARE(found.m4[0], 98.0);
    for (const int column : {1, 2})
        QVERIFY(std::isnan(found.mean[column]) && std::isnan(found.m4[column]) && std::isnan(found.minimum[column]));
    int filled = 0;
    for (int bin = 0; bin < histogram_bins; ++bin) filled += columns.non_negative(bin) != 0 ? 1 : 0;
    QCOMPARE(filled, 6);
    QCOMPARE(columns.non_negative(0), std::int64_t{6}); // six zeros; the NaN is in no bin
    QCOMPARE(columns.non_negative(histogram_bins - 1), std::int64_t{1});
}

/// 10,000 values of +-1 about 1e6 in turn: sums of powers would lose m4 entirely. Exact: mean 1e6, m2 = m4 = n, m3 = 0.
void TestBackends::moments_of_large_offset() {
    std::vector<float> values;
    for (int i = 0; i < 10000; ++i) values.push_back(i % 2 == 0 ? 1000001.0F : 999999.0F);
    Columns columns(1);
    columns.run(values);
    const SiteAccumulators& found = columns.found;
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

void TestBackends::samples_accumulate() {
    Columns columns(2);
    columns.run({1, -1, 1, -0.0F});
    columns.run({1, -1, 3, -0.0F});
    const int one = histogram_bin(std::bit_cast<std::uint32_t>(1.0F));
    QCOMPARE(columns.non_negative(one), std::int64_t{3});
    QCOMPARE(columns.negative(one), std::int64_t{2});
    QCOMPARE(columns.non_negative(0), std::int64_t{2}); // -0 is not negative
    QCOMPARE(columns.negative(0), std::int64_t{0});
    QCOMPARE(columns.found.mean[0], 1.5);
    QCOMPARE(columns.found.m2[0], 3.0); // 3 x 0.25 + 2.25
    QCOMPARE(columns.found.maximum[0], 3.0F);
    columns.before = 0; // what is there is written over
    columns.run({2, 2});
    QCOMPARE(columns.found.mean[0], 2.0);
    QCOMPARE(columns.found.maximum[0], 2.0F);
    QCOMPARE(columns.non_negative(0), std::int64_t{0});
}

/// Cutting the samples into other batches gives the same bits.
void TestBackends::batches_do_not_matter_on_a_cpu() {
    constexpr std::int64_t samples = 5, length = 70, columns = 150;
    std::vector<float> values(samples * length * columns);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = std::sin(static_cast<float>(i) * 0.37F) * 3;
    const std::vector<std::int64_t> ends = {32, 64, 70};
    const auto run = [&](const std::vector<std::int64_t>& batches) {
        std::vector<double> memory(SiteAccumulators::bytes(3, columns) / sizeof(double));
        std::int64_t before = 0;
        for (const std::int64_t batch : batches) {
            const std::vector<std::int64_t> rows_before = {32 * before, 32 * before, 6 * before};
            cpu_backend().accumulate_statistics(
                {values.data() + before * length * columns, ValueType::f32, batch, length, columns, columns}, ends,
                rows_before, {memory.data(), 3, columns}, nullptr, {});
            before += batch;
        }
        return memory;
    };
    const std::vector<double> whole = run({5});
    for (const auto& batches : {std::vector<std::int64_t>{1, 1, 1, 1, 1}, std::vector<std::int64_t>{3, 2}})
        QVERIFY(std::memcmp(run(batches).data(), whole.data(), whole.size() * sizeof(double)) == 0);
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
                                           {ScaleRule::symmetric_absmax, clip, 0}, {out.data(), 4, 12}, nullptr,
                                           nullptr, {});
            QFAIL("accepted");
        } catch (const KernelError& error) {
            QCOMPARE(error.kind(), KernelError::Kind::invalid_argument);
            QVERIFY2(QString::fromUtf8(error.what()).contains(says), error.what());
        }
    }
}

void TestBackends::bad_batches() {
    std::vector<float> x(48);
    std::vector<double> memory(SiteAccumulators::bytes(2, 4) / sizeof(double));
    const auto refused = [&](const ActivationBatch& batch, const std::vector<std::int64_t>& ends, const char* says) {
        try {
            cpu_backend().accumulate_statistics(batch, ends, std::vector<std::int64_t>(ends.size()),
                                                {memory.data(), 2, 4}, nullptr, {});
            return QString("accepted");
        } catch (const KernelError& error) {
            return QString::fromUtf8(error.what()).contains(says) ? QString() : QString::fromUtf8(error.what());
        }
    };
    const ActivationBatch good{x.data(), ValueType::f32, 2, 6, 4, 4};
    QCOMPARE(refused(good, {3, 5}, "segments end at 5"), QString());
    QCOMPARE(refused(good, {3, 3, 6}, "ends at 3"), QString());
    QCOMPARE(refused(good, {}, "0 segments"), QString());
    QCOMPARE(refused(good, std::vector<std::int64_t>(33, 1), "33 segments"), QString());
    ActivationBatch bad = good;
    bad.samples = 0;
    QCOMPARE(refused(bad, {6}, "0 samples"), QString());
    bad = good;
    bad.row_stride = 3;
    QCOMPARE(refused(bad, {6}, "row stride of 3"), QString());
    bad = good;
    bad.values = nullptr;
    QCOMPARE(refused(bad, {6}, "values"), QString());
}

void TestBackends::cuda_against_cpu() {
    std::string why;
    const Backend* cuda = cuda_backend(why);
    if (cuda == nullptr || !(why = cuda_card_problem()).empty()) {
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
