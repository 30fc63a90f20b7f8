// The arithmetic of one value: the reference implementations' results, and the edges of dINT and tables by hand.
#include <QtTest/QTest>
#include <algorithm>
#include <limits>

#include "kernels/api/backends.h"
#include "kernels/api/grid_points.h"
#include "kernels/api/kernel_error.h"
#include "tests/kernels/golden.h"
#include "tests/kernels/grids.h"
#include "tests/support/test_main.h"

using namespace graticule;
using namespace graticule::testing;

Q_DECLARE_METATYPE(CodeGrid)
Q_DECLARE_METATYPE(ScaleOptions)
Q_DECLARE_METATYPE(BlockLayout)

namespace {

/// Qt compares floats to five digits; as doubles, which it compares to twelve, floats must be the same bits (or both
/// zero).
double exactly(float x) { return static_cast<double>(x); }

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();

/// One value through the CPU back end at a given scale and zero point.
struct OneValue {
    int code = -1;
    float value = 0;
    float fake = 0;
    QuantizeCounts counts;
};

OneValue quantize_one(float x, const CodeGrid& grid, float scale, float zero) {
    OneValue one;
    std::uint8_t code = 0;
    const Backend& cpu = cpu_backend();
    cpu.quantize({&x, 1, 1}, {1, 1}, grid, &scale, &zero, {&code, 1, 1}, &one.counts, {});
    cpu.dequantize({&code, 1, 1}, {1, 1}, grid, &scale, &zero, {&one.value, 1, 1}, {});
    cpu.fake_quantize({&x, 1, 1}, {1, 1}, grid, &scale, &zero, {&one.fake, 1, 1}, nullptr, {});
    one.code = code;
    return one;
}

} // namespace

class TestCodeGrid : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void golden_inputs();
    void golden_quantizer_data();
    void golden_quantizer();
    void golden_static_activation_data();
    void golden_static_activation();
    void protective_range();
    void edges_data();
    void edges();
    void integer_paper_example();
    void table_ties_are_ieee_even();
    void degenerate_blocks_data();
    void degenerate_blocks();
    void bad_grids_data();
    void bad_grids();

private:
    Golden golden_;
};

void TestCodeGrid::initTestCase() {
    GRATICULE_NEEDS_SHARED("reference/golden_vectors.json");
    golden_ = load_golden();
}

void TestCodeGrid::golden_inputs() {
    double sum = 0;
    for (const float w : golden_.weight) sum += static_cast<double>(w);
    QCOMPARE(sum, golden_.records["inputs"].toObject()["W"].toObject()["sum"].toDouble());
    sum = 0;
    for (const float x : golden_.activation) sum += static_cast<double>(x);
    QCOMPARE(sum, golden_.records["inputs"].toObject()["X"].toObject()["sum"].toDouble());
}

void TestCodeGrid::golden_quantizer_data() {
    QTest::addColumn<QString>("record");
    QTest::addColumn<bool>("weight");
    QTest::addColumn<CodeGrid>("grid");
    QTest::addColumn<BlockLayout>("layout");
    QTest::addColumn<ScaleOptions>("options");
    const BlockLayout row{1, 32}, group{1, 16}, tokens_tensor{512, 32};
    const ScaleOptions asymmetric{};
    const ScaleOptions full{ScaleRule::symmetric_full_range, 1, 0};
    const ScaleOptions absmax{ScaleRule::symmetric_absmax, 1, 1e-5F};
    const auto add = [](const char* record, bool weight, int bits, BlockLayout layout, ScaleOptions options) {
        QTest::newRow(record) << QString::fromLatin1(record) << weight << int_grid(bits) << layout << options;
    };
    add("rtn4_gptq_asym_grow", true, 4, row, asymmetric);
    add("rtn4_gptq_asym_g16", true, 4, group, asymmetric);
    add("rtn4_gptq_sym_grow", true, 4, row, full);
    add("rtn4_gptq_sym_g16", true, 4, group, full);
    add("rtn4_awq_g16", true, 4, group, {ScaleRule::asymmetric_through_zero, 1, 1e-5F});
    add("rtn4_omniquant_g16", true, 4, group, asymmetric);
    add("rtn8_smoothquant_weight_per_channel", true, 8, row, absmax);
    add("rtn4_smoothquant_weight_per_channel", true, 4, row, absmax);
    add("rtn4_quarot_sym_row", true, 4, row, absmax);
    add("act8_per_token_smoothquant", false, 8, row, absmax);
    add("act8_per_tensor_smoothquant", false, 8, tokens_tensor, absmax);
    const float sigmoid_of_4 = 0.98201379F;
    add("rtn4_omniquant_g16_lwc_init", true, 4, group, {ScaleRule::asymmetric_through_zero, sigmoid_of_4, 0});
    add("act4_quarot_sym_clip.9", false, 4, row, {ScaleRule::symmetric_absmax, 0.9F, 0});
    add("act4_quarot_asym_clip.9", false, 4, row, {ScaleRule::asymmetric_through_zero, 0.9F, 0});
}

/// Sums over the whole matrix and the first row must be the reference's, exactly; so must the scales it lists.
void TestCodeGrid::golden_quantizer() {
    QFETCH(QString, record);
    QFETCH(bool, weight);
    QFETCH(CodeGrid, grid);
    QFETCH(BlockLayout, layout);
    QFETCH(ScaleOptions, options);
    const std::vector<float>& input = weight ? golden_.weight : golden_.activation;
    const std::int64_t rows = weight ? golden_.outputs : golden_.tokens;
    const MatrixView<const float> values(input.data(), rows, golden_.inputs);
    const auto blocks = static_cast<std::size_t>(layout.count(rows, golden_.inputs));
    std::vector<float> scale(blocks), zero(blocks), out(input.size()), dynamic(input.size());
    const Backend& cpu = cpu_backend();
    cpu.find_scales(values, layout, grid, options, scale.data(), zero.data(), {});
    cpu.fake_quantize(values, layout, grid, scale.data(), zero.data(), {out.data(), rows, golden_.inputs}, nullptr, {});
    cpu.fake_quantize_dynamic(values, layout, grid, options, {dynamic.data(), rows, golden_.inputs}, nullptr, nullptr,
                              {});
    QVERIFY(out == dynamic);

    const QJsonObject expected = golden_.records[record].toObject();
    QVERIFY2(!expected.isEmpty(), qPrintable("no record " + record));
    const QJsonObject dequant = expected["dequant"].toObject();
    const QJsonArray row0 = dequant["row0"].toArray();
    QCOMPARE(row0.size(), golden_.inputs);
    for (int i = 0; i < row0.size(); ++i)
        QCOMPARE(exactly(out[static_cast<std::size_t>(i)]), exactly(static_cast<float>(row0[i].toDouble())));
    double sum = 0, magnitude = 0;
    for (const float v : out) {
        sum += static_cast<double>(v);
        magnitude += std::fabs(static_cast<double>(v));
    }
    QVERIFY(std::fabs(sum - dequant["sum"].toDouble()) < 1e-9 * magnitude);
    QVERIFY(std::fabs(magnitude - dequant["abssum"].toDouble()) < 1e-12 * magnitude);
    const QJsonArray scales = expected["scale_first8"].toArray();
    for (int i = 0; i < scales.size(); ++i)
        QCOMPARE(exactly(scale[static_cast<std::size_t>(i)]), exactly(static_cast<float>(scales[i].toDouble())));
    const QJsonArray zeros = expected["zero_first8"].toArray();
    for (int i = 0; i < zeros.size(); ++i)
        QCOMPARE(zero[static_cast<std::size_t>(i)], static_cast<float>(zeros[i].toDouble()));
}

void TestCodeGrid::golden_static_activation_data() {
    QTest::addColumn<QString>("record");
    QTest::addColumn<int>("levels");
    QTest::addColumn<float>("range");
    // The static quantizer clamps to +-127, the dynamic one of the whole tensor to [-128, 127].
    QTest::newRow("static") << "act8_static_dgq_amax4" << 255 << 4.0F;
    // min(largest channel, twice the 10th largest): two outlier channels, all others reach 1 at most.
    std::vector<float> absmax(static_cast<std::size_t>(golden_.inputs));
    for (std::size_t i = 0; i < golden_.activation.size(); ++i) {
        float& channel = absmax[i % absmax.size()];
        channel = std::max(channel, std::fabs(golden_.activation[i]));
    }
    std::sort(absmax.rbegin(), absmax.rend());
    QTest::newRow("per tensor") << "act8_per_tensor_dgq" << 256 << std::min(absmax[0], 2 * absmax[9]);
}

/// DGQ's activation quantizers: a scale found elsewhere, and a lattice about its zero point.
void TestCodeGrid::golden_static_activation() {
    QFETCH(QString, record);
    QFETCH(int, levels);
    QFETCH(float, range);
    CodeGrid grid;
    grid.levels = levels;
    const float scale = range / 127.0F, zero = static_cast<float>(levels / 2);
    std::vector<float> out = golden_.activation;
    const MatrixView<float> view(out.data(), golden_.tokens, golden_.inputs);
    cpu_backend().fake_quantize(view, {golden_.tokens, golden_.inputs}, grid, &scale, &zero, view, nullptr, {});
    const QJsonObject expected = golden_.records[record].toObject()["dequant"].toObject();
    double sum = 0, magnitude = 0;
    for (const float v : out) {
        sum += static_cast<double>(v);
        magnitude += std::fabs(static_cast<double>(v));
    }
    QVERIFY(std::fabs(sum - expected["sum"].toDouble()) < 1e-9 * magnitude);
    QVERIFY(std::fabs(magnitude - expected["abssum"].toDouble()) < 1e-12 * magnitude);
    const QJsonArray row0 = expected["row0"].toArray();
    QCOMPARE(row0.size(), golden_.inputs);
    for (int i = 0; i < row0.size(); ++i)
        QCOMPARE(exactly(out[static_cast<std::size_t>(i)]), exactly(static_cast<float>(row0[i].toDouble())));
}

/// QoQ shrinks its 8-bit level to +-R, so that groups rounded with an integer scale and zero point stay within eight
/// bits. Both ends of every integer range, through the quantizer here: the record's R is the largest that holds.
void TestCodeGrid::protective_range() {
    const auto farthest = [](int reach) {
        float most = 0;
        for (int low = -reach; low <= 0; ++low)
            for (int high = 0; high <= reach; ++high) {
                const float scale = std::max(1.0F, std::nearbyint(static_cast<float>(high - low) / 15.0F));
                const float zero = std::nearbyint(static_cast<float>(-low) / scale);
                for (const int end : {low, high})
                    most = std::max(most,
                                    std::fabs(quantize_one(static_cast<float>(end), int_grid(4), scale, zero).value));
            }
        return most;
    };
    const int range = golden_.records["qoq_protective_range"].toObject()["pre_scale_zero"].toInt();
    QVERIFY(farthest(range) <= 127);
    QVERIFY(farthest(range + 1) > 127);
}

void TestCodeGrid::edges_data() {
    QTest::addColumn<CodeGrid>("grid");
    QTest::addColumn<float>("zero");
    QTest::addColumn<float>("x"); // at scale 1
    QTest::addColumn<float>("value");
    QTest::addColumn<int>("code");
    const float eps = 1e-6F;
    const auto add = [](const char* name, const CodeGrid& grid, float zero, float x, float value, int code) {
        QTest::newRow(name) << grid << zero << x << value << code;
    };
    // Lee et al. 2023, Eq. 5: c1 where 1/4 < x <= 3/4, c2 where -3/4 <= x < -1/4.
    const CodeGrid dint4 = dint_grid(4);
    add("dint4 zero", dint4, 7, 0, 0, 7);
    add("dint4 at +1/4 stays zero", dint4, 7, 0.25F, 0, 7);
    add("dint4 above +1/4", dint4, 7, 0.25F + eps, 0.5F, 14);
    add("dint4 at +3/4 is c1", dint4, 7, 0.75F, 0.5F, 14);
    add("dint4 above +3/4", dint4, 7, 0.75F + eps, 1, 8);
    add("dint4 at -1/4 stays zero", dint4, 7, -0.25F, 0, 7);
    add("dint4 below -1/4", dint4, 7, -0.25F - eps, -0.5F, 15);
    add("dint4 at -3/4 is c2", dint4, 7, -0.75F, -0.5F, 15);
    add("dint4 below -3/4", dint4, 7, -0.75F - eps, -1, 6);
    add("dint4 half even up", dint4, 7, 1.5F, 2, 9);
    add("dint4 half even down", dint4, 7, 2.5F, 2, 9);
    add("dint4 top", dint4, 7, 1e30F, 6, 13);
    add("dint4 bottom", dint4, 7, -1e30F, -7, 0);
    add("dint4 special not moved by the zero point", dint4, 3, 0.5F, 0.5F, 14);
    // Zero point at an end: no lattice point beyond zero, so everything beyond is nearest to the special.
    add("dint4 z=0 at -1/4", dint4, 0, -0.25F, 0, 0);
    add("dint4 z=0 below -1/4", dint4, 0, -0.3F, -0.5F, 15);
    add("dint4 z=0 at -3/4", dint4, 0, -0.75F, -0.5F, 15);
    add("dint4 z=0 far below", dint4, 0, -9, -0.5F, 15);
    add("dint4 z=13 above 3/4", dint4, 13, 0.8F, 0.5F, 14);
    add("dint4 z=13 far above", dint4, 13, 1e30F, 0.5F, 14);
    add("dint4 z=13 bottom", dint4, 13, -1e30F, -13, 0);
    add("dint4 NaN", dint4, 7, not_a_number, 0, 7);
    add("dint4 infinity", dint4, 7, infinity, 6, 13);
    const CodeGrid int4 = int_grid(4);
    add("int4 half to even 0.5", int4, 8, 0.5F, 0, 8);
    add("int4 half to even 1.5", int4, 8, 1.5F, 2, 10);
    add("int4 half to even -0.5", int4, 8, -0.5F, 0, 8);
    add("int4 half to even -2.5", int4, 8, -2.5F, -2, 6);
    add("int4 top", int4, 8, 7.6F, 7, 15);
    add("int4 minus infinity", int4, 8, -infinity, -8, 0);
    add("int4 NaN", int4, 5, not_a_number, 0, 5);
    add("int4 denormal", int4, 8, 1e-42F, 0, 8);
    add("int4 zero point outside the codes", int4, -3, 5, 5, 2); // DGQ's search leaves zero points unclamped
    add("int4 zero point outside, NaN", int4, -3, not_a_number, 3, 0);
    const CodeGrid fp4 = fp4_grid();
    add("fp4 0.25 ties to 0", fp4, 0, 0.25F, 0, 7);
    add("fp4 0.75 ties to 1", fp4, 0, 0.75F, 1, 9);
    add("fp4 -0.75 ties to -1", fp4, 0, -0.75F, -1, 5);
    add("fp4 1.25 ties to 1", fp4, 0, 1.25F, 1, 9);
    add("fp4 1.75 ties to 2", fp4, 0, 1.75F, 2, 11);
    add("fp4 2.5 ties to 2", fp4, 0, 2.5F, 2, 11);
    add("fp4 3.5 ties to 4", fp4, 0, 3.5F, 4, 13);
    add("fp4 5 ties to 4", fp4, 0, 5, 4, 13);
    add("fp4 -5 ties to -4", fp4, 0, -5, -4, 1);
    add("fp4 above 5", fp4, 0, 5.0001F, 6, 14);
    add("fp4 saturates", fp4, 0, 100, 6, 14);
    add("fp4 infinity", fp4, 0, infinity, 6, 14);
    add("fp4 minus infinity", fp4, 0, -infinity, -6, 0);
    add("fp4 NaN", fp4, 0, not_a_number, 0, 7);
}

void TestCodeGrid::edges() {
    QFETCH(CodeGrid, grid);
    QFETCH(float, zero);
    QFETCH(float, x);
    QFETCH(float, value);
    QFETCH(int, code);
    const OneValue one = quantize_one(x, grid, 1, zero);
    QCOMPARE(one.code, code);
    QCOMPARE(exactly(one.value), exactly(value));
    QCOMPARE(exactly(one.fake), exactly(value));
    QCOMPARE(one.counts.codes_used[code], std::int64_t{1});
    QCOMPARE(one.counts.not_finite, std::int64_t{std::isfinite(x) ? 0 : 1});
    QCOMPARE(one.counts.underflow, std::int64_t{std::isfinite(x) && x != 0 && value == 0 ? 1 : 0});
}

/// Lee et al. 2023, section 4.2: 14 uniform levels over the range, z = rn(-min / s), 16 values in all.
void TestCodeGrid::integer_paper_example() {
    const std::vector<float> x = {-6.5F, -1, -0.3F, 0, 0.3F, 1, 6.5F};
    float scale = 0, zero = 0;
    cpu_backend().find_scales({x.data(), 1, 7}, {1, 7}, dint_grid(4), {}, &scale, &zero, {});
    QCOMPARE(scale, 1.0F);
    QCOMPARE(zero, 6.0F); // rn(6.5) = 6, half to even
    cpu_backend().find_scales({x.data(), 1, 7}, {1, 7}, dint_grid(4), {ScaleRule::symmetric_absmax, 1, 0}, &scale,
                              &zero, {});
    QCOMPARE(scale, 6.5F / 6.0F);
    QCOMPARE(zero, 7.0F);
}

/// Every midpoint of the E4M3 table must round to the neighbour whose encoding is even.
void TestCodeGrid::table_ties_are_ieee_even() {
    std::vector<float> positive; // encodings 0x00..0x7e of OCP FP8 E4M3
    for (int bits = 0; bits < 0x7f; ++bits) {
        const int exponent = bits >> 3, mantissa = bits & 7;
        positive.push_back(exponent == 0 ? std::ldexp(static_cast<float>(mantissa), -9)
                                         : std::ldexp(static_cast<float>(8 + mantissa), exponent - 10));
    }
    QCOMPARE(positive.back(), 448.0F);
    std::vector<float> table;
    for (std::size_t i = positive.size() - 1; i > 0; --i) table.push_back(-positive[i]);
    table.insert(table.end(), positive.begin(), positive.end());
    const CodeGrid grid = table_grid(table);
    QCOMPARE(quantize_one(infinity, grid, 1, 0).value, 448.0F);
    QCOMPARE(quantize_one(-infinity, grid, 1, 0).value, -448.0F);
    QCOMPARE(quantize_one(not_a_number, grid, 1, 0).value, 0.0F);
    for (std::size_t bits = 0; bits + 1 < positive.size(); ++bits) {
        const float middle = (positive[bits] + positive[bits + 1]) / 2;
        const float even = positive[bits % 2 == 0 ? bits : bits + 1];
        QCOMPARE(quantize_one(middle, grid, 1, 0).value, even);
        QCOMPARE(quantize_one(-middle, grid, 1, 0).value, -even);
        QCOMPARE(quantize_one(std::nextafter(middle, 0.0F), grid, 1, 0).value, positive[bits]);
        QCOMPARE(quantize_one(std::nextafter(middle, infinity), grid, 1, 0).value, positive[bits + 1]);
    }
}

void TestCodeGrid::degenerate_blocks_data() {
    QTest::addColumn<std::vector<float>>("x");
    QTest::addColumn<CodeGrid>("grid");
    QTest::addColumn<ScaleOptions>("options");
    QTest::addColumn<float>("scale");
    QTest::addColumn<float>("zero");
    const auto add = [](const char* name, std::vector<float> x, const CodeGrid& grid, ScaleOptions options, float scale,
                        float zero) { QTest::newRow(name) << x << grid << options << scale << zero; };
    const ScaleOptions asymmetric{}, full{ScaleRule::symmetric_full_range, 1, 0},
        absmax{ScaleRule::symmetric_absmax, 1, 0};
    const float least = std::numeric_limits<float>::min(), largest = std::numeric_limits<float>::max();
    add("all zero, GPTQ range [-1, 1]", {0, 0, 0}, int_grid(4), asymmetric, 2.0F / 15.0F, 7);
    add("all zero, full range", {0, 0, 0}, int_grid(4), full, 2.0F / 15.0F, 8);
    add("all zero, absmax", {0, 0, 0}, int_grid(4), absmax, 1.0F / 7.0F, 8);
    add("all zero, dynamic activation", {0, 0}, int_grid(8), {ScaleRule::symmetric_absmax, 1, 1e-5F}, 1e-5F / 127.0F,
        128);
    add("all zero, table", {0, 0}, fp4_grid(), asymmetric, 1.0F / 6.0F, 0);
    add("all positive", {3, 4, 15}, int_grid(4), asymmetric, 1, 0);
    add("all negative", {-3, -4, -15}, int_grid(4), asymmetric, 1, 15);
    add("only NaN and infinity", {not_a_number, infinity, -infinity}, int_grid(4), asymmetric, 2.0F / 15.0F, 7);
    add("NaN and infinity beside numbers", {not_a_number, -7, infinity, 8}, int_grid(4), asymmetric, 1, 7);
    add("denormals", {1e-45F, -1e-45F}, int_grid(4), absmax, least, 8);
    add("range overflows float32", {largest, -largest}, int_grid(4), asymmetric,
        static_cast<float>(2.0 * static_cast<double>(largest) / 15), 8);
    add("clip ratio", {-10, 10}, int_grid(8), {ScaleRule::symmetric_absmax, 0.5F, 0}, 5.0F / 127.0F, 128);
}

/// The all-zero range [-1, 1] has its zero point at rn(1 / float32(2/15)) = rn(7.4999995) = 7, as torch computes it.
void TestCodeGrid::degenerate_blocks() {
    QFETCH(std::vector<float>, x);
    QFETCH(CodeGrid, grid);
    QFETCH(ScaleOptions, options);
    QFETCH(float, scale);
    QFETCH(float, zero);
    float found_scale = -1, found_zero = -1;
    const auto columns = static_cast<std::int64_t>(x.size());
    cpu_backend().find_scales({x.data(), 1, columns}, {1, columns}, grid, options, &found_scale, &found_zero, {});
    QCOMPARE(exactly(found_scale), exactly(scale));
    QCOMPARE(found_zero, zero);
}

void TestCodeGrid::bad_grids_data() {
    QTest::addColumn<CodeGrid>("grid");
    QTest::addColumn<QString>("says");
    QTest::newRow("one level") << table_grid({1}) << "levels";
    CodeGrid many = int_grid(8);
    many.special_count = 2;
    QTest::newRow("258 codes") << many << "256";
    QTest::newRow("not ascending") << table_grid({0, 2, 1}) << "ascend";
    QTest::newRow("NaN in the table") << table_grid({0, not_a_number}) << "finite";
}

void TestCodeGrid::bad_grids() {
    QFETCH(CodeGrid, grid);
    QFETCH(QString, says);
    try {
        quantize_one(1, grid, 1, 0);
        QFAIL("accepted");
    } catch (const KernelError& error) {
        QCOMPARE(error.kind(), KernelError::Kind::invalid_argument);
        QVERIFY2(QString::fromUtf8(error.what()).contains(says), error.what());
    }
}

GRATICULE_TEST(TestCodeGrid);
#include "tst_code_grid.moc"
