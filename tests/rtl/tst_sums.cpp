// Long sums of random operands, with sums started and constants loaded between them at random.
#include <QTest>
#include <bit>
#include <cmath>
#include <random>

#include "tests/rtl/reference.h"
#include "tests/rtl/simulated_unit.h"
#include "tests/support/test_main.h"

using namespace graticule;
using namespace graticule::testing;

namespace {

constexpr int clocks = 200000;

std::uint8_t byte(int value) { return static_cast<std::uint8_t>(value & 0xff); }

/// One pair's term by the constants in force; integers.
using Term = std::int64_t (*)(int weight, int activation, int constants);

std::int64_t int8_term(int weight, int activation, int) {
    return std::int64_t(weight - 128) * static_cast<std::int8_t>(activation);
}
std::int64_t int4_term(int weight, int activation, int) {
    return std::int64_t((weight & 15) - 8) * static_cast<std::int8_t>(activation);
}
template <int bits>
std::int64_t dint_term(int weight, int activation, int constants) {
    static const CodeGrid& grid = find_format(bits == 4 ? "dint4" : "dint3")->grid;
    const int mask = (1 << bits) - 1, zero = constants & mask;
    const float steps = value_of(grid, byte(weight & mask), zero) + float(zero - grid.levels / 2);
    return std::lround(2 * steps) * static_cast<std::int8_t>(activation);
}
std::int64_t symmetric_dint4_term(int weight, int activation, int) { return dint_term<4>(weight, activation, 7); }
std::int64_t dgq_term(int weight, int activation, int constants) {
    const int expanded = ((weight & 15) - (constants & 15)) * (constants >> 4);
    return std::int64_t(expanded) * static_cast<std::int8_t>(activation);
}
std::int64_t fp4_term(int weight, int activation, int) {
    static const CodeGrid& grid = find_format("fp4_e2m1")->grid;
    const auto value = [](int bits) { return grid.table[std::size_t(7 + (bits & 7))] * (bits & 8 ? -1.0F : 1.0F); };
    return std::lround(4 * value(weight) * value(activation));
}

} // namespace

class TestRtlSums : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void integers_data() {
        QTest::addColumn<QString>("unit");
        QTest::addColumn<void*>("term");
        QTest::addColumn<int>("largest_zero");
        const auto row = [](const char* unit, Term term, int largest_zero) {
            QTest::newRow(unit) << unit << reinterpret_cast<void*>(term) << largest_zero;
        };
        row("int8_int8", int8_term, 15);
        row("int4_int8", int4_term, 15);
        row("dint4_int8", dint_term<4>, 13);
        row("dint4_int8_symmetric", symmetric_dint4_term, 15);
        row("dint3_int8", dint_term<3>, 5);
        row("dgq_int4_int8", dgq_term, 15);
        row("fp4_fp4", fp4_term, 15);
    }
    void integers() {
        QFETCH(QString, unit);
        QFETCH(void*, term);
        QFETCH(int, largest_zero);
        const auto value = reinterpret_cast<Term>(term);
        const auto simulated = simulated_unit(unit.toStdString());
        std::mt19937 random(1);
        // A DGQ scale that keeps every code within INT8: 127 / 15.
        const auto constants = [&] { return int(1 + random() % 8) << 4 | int(random() % unsigned(largest_zero + 1)); };
        int in_force = constants();
        simulated->clock({0, 0, static_cast<std::uint16_t>(in_force), true, true});
        std::int64_t expected = 0;
        for (int i = 0; i < clocks; ++i) {
            const bool start = i == 0 || random() % 1000 == 0, load = random() % 100 == 0;
            const int weight = int(random() & 0xff), activation = int(random() & 0xff), next = constants();
            expected = (start ? 0 : expected) + value(weight, activation, in_force);
            const auto sum = static_cast<std::int32_t>(
                simulated->clock({byte(weight), byte(activation), static_cast<std::uint16_t>(next), start, load}));
            QCOMPARE(std::int64_t(sum), expected);
            if (load) in_force = next;
        }
    }

    // The register is 32 bits and wraps: nothing saturates, nothing is lost below.
    void theSumWraps() {
        const auto simulated = simulated_unit("int8_int8");
        std::uint32_t expected = 0;
        for (int i = 0; i < 140000; ++i) {
            expected += 128U * 128U;
            QCOMPARE(simulated->clock({0, 0x80, 0, i == 0, false}), expected);
        }
        QVERIFY(static_cast<std::int32_t>(expected) < 0);
    }

    // What C's float32 addition gives, in the same order, bit for bit.
    void floats_data() {
        QTest::addColumn<int>("kind");
        QTest::newRow("all magnitudes") << 0;
        QTest::newRow("one magnitude, so that sums cancel") << 1;
        QTest::newRow("large sums with small terms, where rounding ties are") << 2;
    }
    void floats() {
        QFETCH(int, kind);
        const CodeGrid& grid = find_format("fp8_e4m3")->grid;
        const auto simulated = simulated_unit("fp8_fp8");
        std::mt19937 random(2);
        const auto operand = [&]() -> int {
            const int sign = int(random() & 0x80);
            if (kind == 0) return sign | int(random() % 127);
            if (kind == 1) return sign | int(0x38 + random() % 8);
            return random() % 64 == 0 ? 0x7e : sign | int(random() % 24);
        };
        const auto value = [&](int bits) {
            return grid.table[std::size_t(126 + (bits & 0x7f))] * (bits & 0x80 ? -1.0F : 1.0F);
        };
        float expected = 0;
        for (int i = 0; i < clocks; ++i) {
            const bool start = i == 0 || random() % 5000 == 0;
            const int weight = operand(), activation = operand();
            expected = (start ? 0.0F : expected) + value(weight) * value(activation);
            QCOMPARE(simulated->clock({byte(weight), byte(activation), 0, start, false}),
                     std::bit_cast<std::uint32_t>(expected));
        }
    }

    void notANumberStaysUntilTheNextSum() {
        const auto simulated = simulated_unit("fp8_fp8");
        QCOMPARE(simulated->clock({0x38, 0x38, 0, true, false}), std::bit_cast<std::uint32_t>(1.0F));
        QCOMPARE(simulated->clock({0x7f, 0x00, 0, false, false}), 0x7fc00000U);
        QCOMPARE(simulated->clock({0x38, 0x38, 0, false, false}), 0x7fc00000U);
        QCOMPARE(simulated->clock({0x38, 0x38, 0, true, false}), std::bit_cast<std::uint32_t>(1.0F));
    }
};

GRATICULE_TEST(TestRtlSums);
#include "tst_sums.moc"
