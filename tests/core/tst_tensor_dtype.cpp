// Element types: golden blocks of ggml (made by its reference quantizer and decoder), exact 16-bit floats, row access.
#include <QTest>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/tensor/host_tensor.h"
#include "tests/support/test_main.h"

using namespace graticule;

namespace {

std::vector<std::byte> from_hex(const std::string& text) {
    std::vector<std::byte> bytes;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2)
        bytes.push_back(static_cast<std::byte>(std::stoi(text.substr(i, 2), nullptr, 16)));
    return bytes;
}

/// What ggml's quantizer was given.
float golden_input(int i) { return static_cast<float>((37 * i + 11) % 101 - 50) / 32.0f; }

struct GoldenBlock {
    const char* name;
    DType dtype;
    std::vector<float> first; ///< decoded by ggml; empty: only the distance from the input is known
    float within;             ///< of the input: what the format's step allows
    std::string hex;
};

const std::vector<GoldenBlock>& golden_blocks() {
    static const std::vector<GoldenBlock> blocks = {
        {"Q4_0", DType::q4_0, {-1.171875, 0, 1.171875, -0.9765625}, 0.21, "4032f258be1379df359bf147ac0268ce248a"},
        {"Q4_1", DType::q4_1, {}, 0.11, "893240bef257bd1379cf358ae146ac0268bd2479"},
        {"Q5_0", DType::q5_0, {}, 0.11, "402eb4b4a525f4bf7b27e3ae5a16d19d4904c08c38f4"},
        {"Q5_1", DType::q5_1, {}, 0.06, "532e40beb4b4a525f3bf6b27e2ae5a16d19d4904c07c38f3"},
        {"Q8_0", DType::q8_0, {}, 0.008, "4d229dfb59b61472d02e8be947a50361be1c7ad73593f14fac0a68c62481df3d9af8"},
        {"IQ4_NL",
         DType::iq4_nl,
         {-1.339355, -0.1287842, 1.146179, -0.8370972},
         0.2,
         "9822f157ce137adf249be146bd0258ce137a"},
        {"MXFP4", DType::mxfp4, {-1, 0, 1, -1}, 0.58, "7d7ec056fe9267ec147fda35feb056ed93"},
        {"NVFP4",
         DType::nvfp4,
         {-1.40625, -0.1171875, 0.9375, -0.9375},
         0.3,
         "27282828ffa966ee0277dd3477dc35ffb956ee9156ee0267dc247fca347fba56fe9166ed"},
        {"Q4_K",
         DType::q4_k,
         {-1.177116, -0.1208839, 1.146595, -0.9658699},
         0.11,
         "de1a8026fffffffafff8fafaceafbfbcc2278dd3499e055ab1167cc2388de449af056bb1277cd3389ee45aa0166bc227"
         "48ad0469c0157bd1379cf358ae046ac0268be2379df359be157ad1268ce248ada0156bc1278cd3489e045ab0167bc237"
         "8de349ae056ab1267cd2389de459af15268ce248ad0459b0157bd1379ce348ae046ac0267bd2379df359be156ac1268c"},
        {"Q5_K",
         DType::q5_k,
         {-1.240194, -0.07438469, 1.091425, -0.9487419},
         0.06,
         "86165326fdfdfdfdfefbfdfeffcdedfd26cc9366c9336499324c9926cd9366d9336c9936cc9b66cdb366d9326c9936cc"
         "a35f1bd6924e0ac6813df9b4602ce7a35f1bd7924e0ac5713df8a4602ce7a35f915d09c5803cf8b36f2be7a26e1ad691"
         "4d09c4703cf7b37f2be7a25e1ad5814d702be7a35f1ad6924d09c5813cf8b4602be7935e1ad6924d09c5703cf8a46f2b"
         "5e1ad5915d09c5803cf8b36f2be6a25e1ad6914d09c4703cf7b36f2be7a25e1a"},
    };
    return blocks;
}

struct RecurrenceRow {
    const char* name;
    DType dtype;
    std::vector<int> scales;  ///< offsets of f16 fields, which get 0.0625 (first) or -0.125
    std::vector<float> first; ///< as gguf-py 0.19.0 decodes
    double weighted_sum;      ///< sum of (i + 1) y[i]
    double absolute_sum;
};

/// Two blocks of pseudo-random bytes: every bit of every field is used, which smooth inputs do not reach.
std::vector<std::byte> recurrence_blocks(const RecurrenceRow& row) {
    const int size = row_of(row.dtype).block_bytes;
    std::vector<std::byte> bytes;
    std::uint32_t state = 7;
    for (int i = 0; i < 2 * size; ++i) {
        state = (1103515245u * state + 12345u) & 0x7fffffffu;
        bytes.push_back(static_cast<std::byte>((state >> 16) & 255));
    }
    for (int block = 0; block < 2; ++block) {
        for (std::size_t i = 0; i < row.scales.size(); ++i) {
            const std::uint16_t half = float_to_half(i == 0 ? 0.0625f : -0.125f);
            std::memcpy(bytes.data() + block * size + row.scales[i], &half, sizeof half);
        }
        if (row.dtype == DType::mxfp4)
            bytes[static_cast<std::size_t>(block * size)] = static_cast<std::byte>(120 + block * 9);
    }
    return bytes;
}

const std::vector<RecurrenceRow>& recurrence_rows() {
    static const std::vector<RecurrenceRow> rows = {
        {"Q4_0", DType::q4_0, {0}, {-0.25f, -0.375f, -0.3125f}, -147.625, 17.125},
        {"Q4_1", DType::q4_1, {0, 2}, {0.0625f, 0.1875f, 0.0f}, 548.875, 18.25},
        {"Q5_0", DType::q5_0, {0}, {-0.875f, -0.125f, 0.0625f}, -394.5625, 31.9375},
        {"Q5_1", DType::q5_1, {0, 2}, {0.9375f, 0.9375f, 0.6875f}, 1652.875, 49.3125},
        {"Q8_0", DType::q8_0, {0}, {7.25f, -6.875f, 1.1875f}, 1890.375, 257.3125},
        {"Q2_K", DType::q2_k, {80, 82}, {1.5f, 2.25f, 2.25f}, 214979.625, 764.9375},
        {"Q3_K", DType::q3_k, {108}, {-1.125f, -1.125f, -2.25f}, 25342.8125, 1035.375},
        {"Q4_K", DType::q4_k, {0, 2}, {16.8125f, 13.25f, 22.75f}, 1801655.3125, 7142.875},
        {"Q5_K", DType::q5_k, {0, 2}, {37.0f, 7.3125f, 7.3125f}, 3292025.0625, 13008.0},
        {"Q6_K", DType::q6_k, {208}, {-196.0f, -210.0f, 196.0f}, 205818.25, 30843.5625},
        {"IQ4_NL", DType::iq4_nl, {0}, {-3.0625f, -5.1875f, -4.0625f}, -2023.5, 237.1875},
        {"IQ4_XS", DType::iq4_xs, {0}, {188.5f, 188.5f, -125.0625f}, 439469.0625, 30958.0625},
        {"NVFP4", DType::nvfp4, {}, {144.0f, 288.0f, 96.0f}, 12869.677734375, 12271.6484375},
        {"MXFP4", DType::mxfp4, {}, {-0.03125f, 0.015625f, 0.0078125f}, 1205.17578125, 288.47265625},
    };
    return rows;
}

} // namespace

class TensorDType : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void golden_block_data() {
        QTest::addColumn<int>("index");
        for (std::size_t i = 0; i < golden_blocks().size(); ++i)
            QTest::newRow(golden_blocks()[i].name) << static_cast<int>(i);
    }
    void golden_block() {
        QFETCH(int, index);
        const GoldenBlock& row = golden_blocks()[static_cast<std::size_t>(index)];
        const auto bytes = from_hex(row.hex);
        const std::int64_t elements = row_of(row.dtype).block_elements;
        QCOMPARE(bytes.size(), static_cast<std::size_t>(row_of(row.dtype).block_bytes));
        const auto values = to_floats(HostTensor::from_vector(bytes, row.dtype, {1, elements}));
        for (std::size_t i = 0; i < row.first.size(); ++i)
            QVERIFY2(std::abs(values[i] - row.first[i]) <= 1e-6f * std::abs(row.first[i]), row.name);
        for (std::size_t i = 0; i < values.size(); ++i)
            QVERIFY2(std::abs(values[i] - golden_input(static_cast<int>(i))) <= row.within,
                     qPrintable(QString("element %1: %2").arg(i).arg(static_cast<double>(values[i]))));
    }

    void random_block_data() {
        QTest::addColumn<int>("index");
        for (std::size_t i = 0; i < recurrence_rows().size(); ++i)
            QTest::newRow(recurrence_rows()[i].name) << static_cast<int>(i);
    }
    void random_block() {
        QFETCH(int, index);
        const RecurrenceRow& row = recurrence_rows()[static_cast<std::size_t>(index)];
        const auto values = to_floats(
            HostTensor::from_vector(recurrence_blocks(row), row.dtype, {2, row_of(row.dtype).block_elements}));
        for (std::size_t i = 0; i < row.first.size(); ++i) QCOMPARE(values[i], row.first[i]);
        double weighted = 0, absolute = 0;
        for (std::size_t i = 0; i < values.size(); ++i) {
            weighted += static_cast<double>(i + 1) * static_cast<double>(values[i]);
            absolute += std::abs(static_cast<double>(values[i]));
        }
        QCOMPARE(weighted, row.weighted_sum);
        QCOMPARE(absolute, row.absolute_sum);
    }

    void every_half_survives_the_round_trip() {
        for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
            const auto half = static_cast<std::uint16_t>(bits);
            const float value = half_to_float(half);
            if (std::isnan(value))
                QVERIFY(std::isnan(half_to_float(float_to_half(value))));
            else
                QCOMPARE(float_to_half(value), half);
        }
    }

    void rounding_to_half_data() {
        QTest::addColumn<float>("value");
        QTest::addColumn<int>("bits");
        QTest::newRow("one") << 1.0f << 0x3C00;
        QTest::newRow("tie goes down to even") << 1.0f + 0x1p-11f << 0x3C00;
        QTest::newRow("tie goes up to even") << 1.0f + 3 * 0x1p-11f << 0x3C02;
        QTest::newRow("above a tie") << 1.0f + 0x1.002p-11f << 0x3C01;
        QTest::newRow("largest") << 65504.0f << 0x7BFF;
        QTest::newRow("rounds to infinity") << 65520.0f << 0x7C00;
        QTest::newRow("just below that") << 65519.9f << 0x7BFF;
        QTest::newRow("smallest subnormal") << 0x1p-24f << 0x0001;
        QTest::newRow("half of it is a tie to zero") << 0x1p-25f << 0x0000;
        QTest::newRow("largest subnormal rounds into the normals") << 0x1.FFEp-15f << 0x0400;
        QTest::newRow("minus zero") << -0.0f << 0x8000;
        QTest::newRow("minus infinity") << -std::numeric_limits<float>::infinity() << 0xFC00;
    }
    void rounding_to_half() {
        QFETCH(float, value);
        QFETCH(int, bits);
        QCOMPARE(static_cast<int>(float_to_half(value)), bits);
    }

    void rounding_to_bfloat16() {
        QCOMPARE(static_cast<int>(float_to_bfloat16(1.0f + 0x1p-8f)), 0x3F80); // tie to even
        QCOMPARE(static_cast<int>(float_to_bfloat16(1.0f + 3 * 0x1p-8f)), 0x3F82);
        QCOMPARE(static_cast<int>(float_to_bfloat16(std::numeric_limits<float>::max())), 0x7F80);
        const float quiet = std::bit_cast<float>(0x7F800001u); // a NaN whose upper half alone would be infinity
        QVERIFY(std::isnan(bfloat16_to_float(float_to_bfloat16(quiet))));
        for (std::uint32_t bits = 0; bits < 0x7F80; ++bits)
            QCOMPARE(float_to_bfloat16(bfloat16_to_float(static_cast<std::uint16_t>(bits))),
                     static_cast<std::uint16_t>(bits));
    }

    void float8_values() {
        const std::vector<std::uint8_t> codes = {0x38, 0x7E, 0x01, 0xB8, 0x7F};
        const auto e4m3 = to_floats(HostTensor::from_vector(codes, DType::f8_e4m3, {5}));
        QCOMPARE(e4m3[0], 1.0f);
        QCOMPARE(e4m3[1], 448.0f);
        QCOMPARE(e4m3[2], 0x1p-9f);
        QCOMPARE(e4m3[3], -1.0f);
        QVERIFY(std::isnan(e4m3[4]));
        const auto e5m2 =
            to_floats(HostTensor::from_vector(std::vector<std::uint8_t>{0x3C, 0x7B, 0x01, 0x7C}, DType::f8_e5m2, {4}));
        QCOMPARE(e5m2[0], 1.0f);
        QCOMPARE(e5m2[1], 57344.0f);
        QCOMPARE(e5m2[2], 0x1p-16f);
        QVERIFY(std::isinf(e5m2[3]));
    }

    void rows_are_decoded_alone() {
        const auto tensor = HostTensor::from_floats({0, 1, 2, 3, 4, 5}, {3, 2});
        QCOMPARE(to_floats(tensor, 1, 1), (std::vector<float>{2, 3}));
        QCOMPARE(to_floats(tensor, 1, 2), (std::vector<float>{2, 3, 4, 5}));
        QCOMPARE(to_floats(tensor, 3, 0).size(), std::size_t{0});
    }

    void integers_are_no_numbers_of_a_model() {
        const auto ids = HostTensor::from_vector(std::vector<std::int64_t>{1, 2}, DType::i64, {2});
        try {
            (void)to_floats(ids);
            QFAIL("integers were decoded");
        } catch (const Error& error) {
            QCOMPARE(error.info().kind, ErrorKind::unsupported);
            QVERIFY(error.info().message.find("i64") != std::string::npos);
        }
    }

    void tables_agree() {
        for (int i = 0; i <= static_cast<int>(DType::mxfp4); ++i) {
            const DTypeRow& row = row_of(static_cast<DType>(i));
            if (!row.safetensors_name.empty())
                QCOMPARE(dtype_from_safetensors(row.safetensors_name), std::optional(row.dtype));
            if (row.gguf_id >= 0) QCOMPARE(dtype_from_gguf(row.gguf_id), std::optional(row.dtype));
        }
        QVERIFY(!dtype_from_safetensors(""));
        QVERIFY(!dtype_from_safetensors("bf16"));
        QVERIFY(!dtype_from_gguf(-1));
        QVERIFY(!dtype_from_gguf(16));
    }
};

GRATICULE_TEST(TensorDType);
#include "tst_tensor_dtype.moc"
