// The small floats code by code against torch's and against their bit definitions, the rounding of scales against
// torch's, and the block formats' scales against their specifications written out.
#include <QtCore/QFile>
#include <QtCore/QJsonArray>
#include <QtCore/QJsonDocument>
#include <QtCore/QJsonObject>
#include <QtTest/QTest>
#include <bit>
#include <cmath>
#include <vector>

#include "core/format/qparams.h"
#include "core/format/quant_format.h"
#include "core/recipe/recipe.h"
#include "core/recipe/scale_options.h"
#include "kernels/api/backends.h"
#include "tests/support/test_main.h"

using namespace graticule;

namespace {

std::uint32_t bits_of(float x) { return std::bit_cast<std::uint32_t>(x); }

std::vector<float> floats(const QJsonValue& bits) {
    std::vector<float> values;
    for (const QJsonValue& one : bits.toArray())
        values.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(one.toDouble())));
    return values;
}

/// What a byte of a sign-exponent-mantissa format without infinities means, from the definition.
double decode(unsigned code, int exponent_bits, int mantissa_bits, int bias) {
    const unsigned mantissa = code & ((1U << mantissa_bits) - 1);
    const int exponent = int(code >> mantissa_bits) & ((1 << exponent_bits) - 1);
    const double fraction = double(mantissa) / double(1U << mantissa_bits);
    const double magnitude = exponent == 0 ? std::ldexp(fraction, 1 - bias) : std::ldexp(1 + fraction, exponent - bias);
    return (code >> (exponent_bits + mantissa_bits)) & 1U ? -magnitude : magnitude;
}

/// Finite values in ascending order, zero once.
std::vector<float> as_table(std::vector<float> values) {
    std::erase_if(values, [](float x) { return !std::isfinite(x) || (x == 0 && std::signbit(x)); });
    std::sort(values.begin(), values.end());
    return values;
}

std::vector<float> table_of(const char* format) {
    const CodeGrid& grid = find_format(format)->grid;
    return {grid.table.begin(), grid.table.begin() + grid.levels};
}

/// Weights whose blocks differ by several powers of two, one block all zero.
std::vector<float> some_weights(std::int64_t rows, std::int64_t columns) {
    std::vector<float> weights;
    std::uint32_t state = 12345;
    for (std::int64_t i = 0; i < rows * columns; ++i) {
        state = state * 1664525U + 1013904223U;
        const float uniform = static_cast<float>(state >> 8) / 8388608.0F - 1.0F;
        const auto block = static_cast<int>(i / 16);
        weights.push_back(block == 5 ? 0.0F : std::ldexp(uniform, block % 7 - 9));
    }
    return weights;
}

struct Found {
    std::vector<float> coarse, scale, values;
    std::vector<std::uint8_t> codes;
};

Found quantize(const std::vector<float>& weights, std::int64_t rows, std::int64_t columns, const TensorScheme& scheme) {
    const Backend& backend = cpu_backend();
    const MatrixView<const float> view(weights.data(), rows, columns);
    const CodeGrid& grid = scheme.format->grid;
    const BlockLayout layout = layout_of(scheme.grain(), rows, columns);
    Found found;
    ScaleOptions options = fine_scale_options(scheme);
    if (scheme.levels.size() > 1) {
        const BlockLayout coarse = layout_of(scheme.levels[1].grain, rows, columns);
        found.coarse.resize(std::size_t(coarse.count(rows, columns)));
        std::vector<float> zero(found.coarse.size());
        backend.find_scales(view, coarse, grid, coarse_scale_options(scheme), found.coarse.data(), zero.data(), {});
        options.coarse = {found.coarse.data(), coarse};
    }
    found.scale.resize(std::size_t(layout.count(rows, columns)));
    std::vector<float> zero(found.scale.size());
    found.codes.resize(weights.size());
    found.values.resize(weights.size());
    backend.find_scales(view, layout, grid, options, found.scale.data(), zero.data(), {});
    backend.quantize(view, layout, grid, found.scale.data(), zero.data(), {found.codes.data(), rows, columns}, nullptr,
                     {});
    backend.dequantize({found.codes.data(), rows, columns}, layout, grid, found.scale.data(), zero.data(),
                       {found.values.data(), rows, columns}, {});
    return found;
}

/// The nearest of the numbers that a byte of E4M3 can be, by trying all of them; of two as near the even byte.
float nearest_e4m3(double x) {
    unsigned best = 0;
    for (unsigned byte = 1; byte < 0x7f; ++byte) {
        const double here = std::fabs(decode(byte, 4, 3, 7) - x), there = std::fabs(decode(best, 4, 3, 7) - x);
        if (here < there || (here == there && byte % 2 == 0)) best = byte;
    }
    return static_cast<float>(decode(best, 4, 3, 7));
}

/// Nearest value of E2M1 in steps of `scale`, by trying all of them.
double nearest_e2m1(double x, double scale) {
    double best = 0;
    for (unsigned code = 0; code < 16; ++code) {
        const double value = decode(code, 2, 1, 1) * scale;
        if (std::fabs(value - x) < std::fabs(best - x)) best = value;
    }
    return best;
}

} // namespace

class TestScaleCodings : public QObject {
    Q_OBJECT

    QJsonObject torch_;

private Q_SLOTS:
    void initTestCase() {
        QFile file(QStringLiteral(GRATICULE_SOURCE_DIR "/tests/core/scale_codings.json"));
        QVERIFY(file.open(QIODevice::ReadOnly));
        torch_ = QJsonDocument::fromJson(file.readAll()).object();
        QVERIFY(torch_.contains("e4m3"));
    }

    void tables_code_by_code() {
        for (const auto& [format, name] : {std::pair{"fp8_e4m3", "e4m3"}, std::pair{"fp8_e5m2", "e5m2"}}) {
            const std::vector<float> expected = as_table(floats(torch_[name].toObject()["bytes"])),
                                     table = table_of(format);
            QCOMPARE(table.size(), expected.size());
            for (std::size_t i = 0; i < table.size(); ++i) QCOMPARE(bits_of(table[i]), bits_of(expected[i]));
        }
        std::vector<float> e2m1;
        for (unsigned code = 0; code < 16; ++code) e2m1.push_back(static_cast<float>(decode(code, 2, 1, 1)));
        QCOMPARE(as_table(e2m1), (std::vector<float>{-6, -4, -3, -2, -1.5F, -1, -0.5F, 0, 0.5F, 1, 1.5F, 2, 3, 4, 6}));
        QCOMPARE(table_of("fp4_e2m1"), as_table(e2m1));
    }
    void torch_agrees_with_the_definition() { // so that both are outside witnesses
        const std::vector<float> bytes = floats(torch_["e4m3"].toObject()["bytes"]);
        for (unsigned byte = 0; byte < 256; ++byte)
            if ((byte & 0x7fU) != 0x7fU) QCOMPARE(double(bytes[byte]), decode(byte, 4, 3, 7));
    }
    void e8m0_bytes_are_powers_of_two() {
        const std::vector<float> bytes = floats(torch_["e8m0"].toObject()["bytes"]);
        for (int byte = 0; byte < 255; ++byte)
            QCOMPARE(bits_of(power_of_two(byte - 127)), bits_of(bytes[std::size_t(byte)]));
        QVERIFY(std::isnan(bytes[255]));
        const ScaleCoding& coding = row_of(Coding::e8m0).numbers;
        QVERIFY(coding.shared_exponent);
        QCOMPARE(coding.largest, bytes[254]);
        QCOMPARE(coding.smallest, bytes[1]); // 2^-127 is no normal float32
    }

    void rounding_is_torch_s_data() {
        QTest::addColumn<QString>("name");
        for (const char* name : {"f16", "bf16", "e4m3"}) QTest::newRow(name) << name;
    }
    void rounding_is_torch_s() {
        QFETCH(QString, name);
        const QJsonObject record = torch_[name].toObject();
        const std::vector<float> given = floats(record["given"]), rounded = floats(record["rounded"]);
        QVERIFY(given.size() > 150 && given.size() == rounded.size());
        const auto row = std::ranges::find(all_codings(), name.toStdString(), &CodingRow::name);
        for (std::size_t i = 0; i < given.size(); ++i)
            QCOMPARE(bits_of(round_to_coding(given[i], row->numbers)), bits_of(rounded[i]));
    }
    void every_e4m3_number_and_midpoint() {
        const ScaleCoding& coding = row_of(Coding::e4m3).numbers;
        for (unsigned byte = 1; byte < 0x7e; ++byte) {
            const auto here = static_cast<float>(decode(byte, 4, 3, 7)),
                       next = static_cast<float>(decode(byte + 1, 4, 3, 7));
            QCOMPARE(round_to_coding(here, coding), here);
            const float middle = (here + next) / 2; // exact
            QCOMPARE(round_to_coding(middle, coding), byte % 2 == 0 ? here : next);
            QCOMPARE(round_to_coding(std::nextafter(middle, 1e9F), coding), next);
            QCOMPARE(round_to_coding(std::nextafter(middle, 0.0F), coding), here);
        }
        QCOMPARE(round_to_coding(1e30F, coding), 448.0F);
        QCOMPARE(round_to_coding(1e-30F, coding), 0x1p-9F); // a scale is never 0
    }
    void whole_numbers() {
        const ScaleCoding& coding = row_of(Coding::i8).numbers;
        for (int whole = 1; whole <= 127; ++whole) {
            QCOMPARE(round_to_coding(float(whole), coding), float(whole));
            QCOMPARE(round_to_coding(float(whole) + 0.4F, coding), float(whole));
        }
        QCOMPARE(round_to_coding(0.2F, coding), 1.0F);
        QCOMPARE(round_to_coding(200.0F, coding), 127.0F);
        QCOMPARE(round_to_coding(2.5F, coding), 2.0F); // half to even
    }

    // NVFP4: the tensor's scale absmax / (448 x 6), each block's E4M3 of absmax / 6 over it.
    void nvfp4_by_its_definition() {
        constexpr std::int64_t rows = 4, columns = 64;
        const std::vector<float> weights = some_weights(rows, columns);
        const Found found = quantize(weights, rows, columns, *parse_scheme_line("w=nvfp4").scheme.weight);
        float absmax = 0;
        for (const float w : weights) absmax = std::max(absmax, std::fabs(w));
        const float tensor = absmax / (448.0F * 6.0F);
        QCOMPARE(found.coarse.size(), std::size_t(1));
        QCOMPARE(bits_of(found.coarse[0]), bits_of(tensor));
        for (std::size_t block = 0; block < found.scale.size(); ++block) {
            float largest = 0;
            for (std::size_t i = 0; i < 16; ++i) largest = std::max(largest, std::fabs(weights[block * 16 + i]));
            if (largest == 0) continue;
            const float scale = nearest_e4m3(double(largest / 6 / tensor)) * tensor;
            QCOMPARE(bits_of(found.scale[block]), bits_of(scale));
            for (std::size_t i = 0; i < 16; ++i) {
                const double expected = nearest_e2m1(weights[block * 16 + i], scale);
                QVERIFY(std::fabs(double(found.values[block * 16 + i]) - expected) <= 1e-6 * double(scale));
            }
        }
    }
    // Four over six: the same tensor scale; a block takes absmax / 4 where that has the smaller squared error.
    void four_over_six_takes_the_smaller_error() {
        constexpr std::int64_t rows = 8, columns = 64;
        const std::vector<float> weights = some_weights(rows, columns);
        const Found six = quantize(weights, rows, columns, *parse_scheme_line("w=nvfp4").scheme.weight);
        const Found both = quantize(weights, rows, columns, *parse_scheme_line("w=nvfp4/four_over_six").scheme.weight);
        QCOMPARE(both.coarse, six.coarse);
        int fours = 0, sixes = 0;
        for (std::size_t block = 0; block < six.scale.size(); ++block) {
            float largest = 0;
            for (std::size_t i = 0; i < 16; ++i) largest = std::max(largest, std::fabs(weights[block * 16 + i]));
            if (largest == 0) continue;
            const auto error = [&](float scale) {
                double sum = 0;
                for (std::size_t i = 0; i < 16; ++i)
                    sum += std::pow(nearest_e2m1(weights[block * 16 + i], scale) - weights[block * 16 + i], 2);
                return sum;
            };
            const float with_four = nearest_e4m3(double(largest / 4 / six.coarse[0])) * six.coarse[0];
            const bool four_is_better = error(with_four) < error(six.scale[block]);
            QCOMPARE(bits_of(both.scale[block]), bits_of(four_is_better ? with_four : six.scale[block]));
            (four_is_better ? fours : sixes) += 1;
        }
        QVERIFY(fours > 3 && sixes > 3); // both happen, or nothing was tested
    }
    // OCP MX 1.0, section 6.3: 2^(floor(log2 absmax) - emax), emax 2 for E2M1 and 8 for E4M3.
    void mx_scales_by_their_definition_data() {
        QTest::addColumn<QString>("line");
        QTest::addColumn<int>("emax");
        QTest::newRow("mxfp4") << "w=mxfp4" << 2;
        QTest::newRow("mxfp8") << "w=mxfp8" << 8;
        QTest::newRow("fp8_e5m2") << "w=fp8_e5m2/g32:e8m0" << 15;
        QTest::newRow("int8") << "w=int8/sym/g32:e8m0" << 6; // MXINT8: 127 steps, the largest power of two 64
    }
    void mx_scales_by_their_definition() {
        QFETCH(QString, line);
        QFETCH(int, emax);
        constexpr std::int64_t rows = 4, columns = 64;
        const std::vector<float> weights = some_weights(rows, columns);
        const TensorScheme scheme = *parse_scheme_line(line.toStdString()).scheme.weight;
        const Found found = quantize(weights, rows, columns, scheme);
        for (std::size_t block = 0; block < found.scale.size(); ++block) {
            float largest = 0;
            for (std::size_t i = 0; i < 32; ++i) largest = std::max(largest, std::fabs(weights[block * 32 + i]));
            QVERIFY(largest > 0);
            QCOMPARE(double(found.scale[block]), std::ldexp(1.0, std::ilogb(largest) - emax));
        }
    }

    void fine_scales_are_the_stored_numbers() {
        constexpr std::int64_t rows = 4, columns = 64;
        const std::vector<float> weights = some_weights(rows, columns);
        const TensorScheme scheme = *parse_scheme_line("w=nvfp4").scheme.weight;
        const Found found = quantize(weights, rows, columns, scheme);
        const QParams params{{1, 16},
                             found.scale,
                             std::vector<float>(found.scale.size()),
                             row_of(Coding::e4m3).numbers,
                             CoarseParams{{rows, columns}, found.coarse}};
        const std::vector<float> fine = fine_scales(params, columns);
        for (std::size_t block = 0; block < fine.size(); ++block) {
            QCOMPARE(nearest_e4m3(double(fine[block])), fine[block]); // a number of E4M3
            QCOMPARE(bits_of(fine[block] * found.coarse[0]), bits_of(found.scale[block]));
        }
    }
};

GRATICULE_TEST(TestScaleCodings);
#include "tst_scale_codings.moc"
