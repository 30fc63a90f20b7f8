// Packed codes: what is packed comes back, and lies where the header says.
#include <QtTest/QTest>

#include "core/base/error.h"
#include "core/format/packed_codes.h"
#include "tests/support/test_main.h"

using namespace graticule;

class TestPackedCodes : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void come_back_data() {
        QTest::addColumn<int>("bits");
        QTest::addColumn<int>("columns");
        for (int bits = 1; bits <= 8; ++bits)
            for (const int columns : {1, 7, 8, 33, 128}) QTest::addRow("%d bits, %d", bits, columns) << bits << columns;
    }
    void come_back() {
        QFETCH(int, bits);
        QFETCH(int, columns);
        constexpr int rows = 5;
        std::vector<std::uint8_t> codes;
        for (unsigned i = 0; i < unsigned(rows * columns); ++i)
            codes.push_back(std::uint8_t((i * 2654435761U >> 11) % (1U << bits)));
        const PackedCodes packed = PackedCodes::pack(codes, rows, columns, bits);
        QCOMPARE(packed.bytes().bytes.size(), std::size_t(rows * ((columns * bits + 7) / 8)));
        QVERIFY(packed.unpack() == codes);
        std::vector<std::uint8_t> part(std::size_t(2 * columns));
        packed.unpack(3, 2, part.data());
        QVERIFY(std::equal(part.begin(), part.end(), codes.begin() + 3 * columns));
        // Field i of a row begins at its bit i * bits, whatever byte that is in.
        const auto* row = reinterpret_cast<const std::uint8_t*>(packed.bytes().bytes.data());
        for (int i = 0; i < columns; ++i)
            for (int bit = 0; bit < bits; ++bit) {
                const int at = i * bits + bit;
                QCOMPARE(row[at / 8] >> (at % 8) & 1, codes[std::size_t(i)] >> bit & 1);
            }
        QVERIFY(packed == PackedCodes::pack(codes, rows, columns, 8));
        codes.back() ^= 1;
        QVERIFY(!(packed == PackedCodes::pack(codes, rows, columns, bits)));
    }
    void four_bits_are_two_a_byte() {
        const std::vector<std::uint8_t> codes = {1, 2, 15, 0, 7};
        const PackedCodes packed = PackedCodes::pack(codes, 1, 5, 4);
        const std::vector<std::uint8_t> expected = {0x21, 0x0F, 0x07};
        const auto* bytes = reinterpret_cast<const std::uint8_t*>(packed.bytes().bytes.data());
        QVERIFY(std::equal(expected.begin(), expected.end(), bytes));
    }
    void a_code_beyond_its_bits_is_not_packed() {
        const std::vector<std::uint8_t> codes = {1, 16};
        QVERIFY_THROWS_EXCEPTION(Error, (void)PackedCodes::pack(codes, 1, 2, 4));
    }
};

GRATICULE_TEST(TestPackedCodes);
#include "tst_packed_codes.moc"
