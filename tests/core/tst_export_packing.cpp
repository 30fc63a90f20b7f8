// Packing against the words and hashes that the reference packers of compressed-tensors gave (formats.md section 16).
#include <QTest>
#include <cstring>

#include "core/base/hash.h"
#include "core/export/bit_packing.h"
#include "core/export/qserve.h"
#include "tests/support/test_main.h"

using namespace graticule;

namespace {

constexpr std::int64_t rows = 64, columns = 128, group = 64;

std::vector<std::uint8_t> golden_codes(int bits) {
    std::vector<std::uint8_t> codes;
    for (std::int64_t o = 0; o < rows; ++o)
        for (std::int64_t i = 0; i < columns; ++i)
            codes.push_back(static_cast<std::uint8_t>((5 * o + 3 * i + (o * i) % 7) % (1 << bits)));
    return codes;
}

std::vector<std::uint8_t> golden_zeros() {
    std::vector<std::uint8_t> zeros;
    for (std::int64_t o = 0; o < rows; ++o)
        for (std::int64_t k = 0; k < columns / group; ++k)
            zeros.push_back(static_cast<std::uint8_t>((o + 3 * k) % 15 + 1));
    return zeros;
}

QString hash_start(const std::vector<std::uint32_t>& words) {
    Sha256 hash;
    hash.update(std::as_bytes(std::span(words)));
    return QString::fromStdString(hash.hex().substr(0, 16));
}

} // namespace

class TestExportPacking : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void golden_data() {
        QTest::addColumn<int>("bits");
        QTest::addColumn<QString>("first_words");
        QTest::addColumn<QString>("hash");
        QTest::newRow("2 bits") << 2 << "6c6c6c6c 6c6c6c6c 6c6c6c6c 6c6c6c6c"
                                << "bab7d7662efbc7cc";
        QTest::newRow("3 bits") << 3 << "98abc398 c398abc3 abc398ab 98abc398"
                                << "ca4c2816cc867362";
        QTest::newRow("4 bits") << 4 << "52fc9630 da741eb8 52fc9630 da741eb8"
                                << "6eaeaf5645df29a1";
        QTest::newRow("5 bits") << 5 << "9ec49860 40fb78ac da706a8e 6828bfcc"
                                << "2b7bf1ce377be84f";
        QTest::newRow("6 bits") << 6 << "cc2460c0 e6d85523 b6a9e485 fce76cf0"
                                << "f0d2f5962d3f9c4a";
        QTest::newRow("8 bits") << 8 << "09060300 15120f0c 211e1b18 2d2a2724"
                                << "42f26cfe94bc7102";
    }
    void golden() {
        QFETCH(int, bits);
        QFETCH(QString, first_words);
        QFETCH(QString, hash);
        std::vector<std::uint32_t> words(static_cast<std::size_t>(rows * packed_words(columns, bits)), 0xdeadbeef);
        pack_rows(golden_codes(bits), rows, columns, bits, words);
        QString start;
        for (std::size_t i = 0; i < 4; ++i) start += QString::asprintf(i ? " %08x" : "%08x", words[i]);
        QCOMPARE(start, first_words);
        QCOMPARE(hash_start(words), hash);
    }

    void zeroPointsGoDownTheRows() {
        const std::vector<std::uint32_t> words = pack_columns(golden_zeros(), rows, columns / group, 4);
        QCOMPARE(words.size(), std::size_t{16}); // [8, 2]
        QCOMPARE(words[0], 0x87654321U);
        QCOMPARE(words[1], 0xba987654U);
        QCOMPARE(words[2], 0x1fedcba9U);
        QCOMPARE(words[3], 0x4321fedcU);
        QCOMPARE(hash_start(words), QStringLiteral("a38b4163eb42ff2c"));
    }

    void unpackingReturnsTheCodes_data() {
        QTest::addColumn<int>("bits");
        QTest::addColumn<int>("width");
        for (int bits = 1; bits <= 8; ++bits)
            for (const int width : {1, 7, 31, 32, 33, 100})
                QTest::addRow("%d bits, %d columns", bits, width) << bits << width;
    }
    void unpackingReturnsTheCodes() {
        QFETCH(int, bits);
        QFETCH(int, width);
        constexpr std::int64_t height = 5;
        std::vector<std::uint8_t> codes;
        for (std::int64_t i = 0; i < height * width; ++i)
            codes.push_back(static_cast<std::uint8_t>((i * 2654435761U >> 7) % (1U << bits)));
        std::vector<std::uint32_t> words(static_cast<std::size_t>(height * packed_words(width, bits)));
        pack_rows(codes, height, width, bits, words);
        std::vector<std::uint8_t> back(codes.size());
        unpack_rows(words, height, width, bits, back);
        QCOMPARE(back, codes);
        QCOMPARE(unpack_columns(pack_columns(codes, height, width, bits), height, width, bits), codes);
    }

    /// omniserve's own packer gave these bytes; the codes are the golden ones, laid out twice down and four times
    /// across.
    void qserve_tiles() {
        const std::vector<std::uint8_t> small = golden_codes(4);
        std::vector<std::uint8_t> codes;
        for (std::int64_t row = 0; row < 2 * rows; ++row)
            for (std::int64_t column = 0; column < 4 * columns; ++column)
                codes.push_back(small[static_cast<std::size_t>(row % rows * columns + column % columns)]);
        const std::vector<std::uint8_t> bytes = pack_qserve(codes, 2 * rows, 4 * columns);
        const std::vector<std::uint8_t> first(bytes.begin(), bytes.begin() + 16);
        QCOMPARE(first,
                 (std::vector<std::uint8_t>{0, 83, 166, 249, 136, 236, 64, 52, 64, 147, 118, 201, 234, 222, 50, 38}));
        Sha256 hash;
        hash.update(std::as_bytes(std::span(bytes)));
        QCOMPARE(QString::fromStdString(hash.hex().substr(0, 16)), QString("88a84e79afeb5dd6"));
    }
};

GRATICULE_TEST(TestExportPacking);
#include "tst_export_packing.moc"
