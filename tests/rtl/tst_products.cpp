// Every pair of codes through every unit's multiplier: the first term of a sum is the sum.
#include <QTest>
#include <bit>
#include <cmath>
#include <limits>

#include "tests/rtl/reference.h"
#include "tests/rtl/simulated_unit.h"
#include "tests/support/test_main.h"

using namespace graticule;
using namespace graticule::testing;

namespace {

const CodeGrid& grid_of(const char* format) { return find_format(format)->grid; }

std::uint8_t byte(int value) { return static_cast<std::uint8_t>(value & 0xff); }

struct Integers { // a unit that multiplies a lattice format by INT8
    const char* unit;
    const char* format;
    bool holds_zero; ///< it takes every zero point; else the zero point is the middle
    int parts;       ///< of a step that the sum counts in
};

} // namespace

class TestRtlProducts : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void everyIntegerPair_data() {
        QTest::addColumn<QString>("unit");
        QTest::addColumn<QString>("format");
        QTest::addColumn<bool>("holds_zero");
        QTest::addColumn<int>("parts");
        for (const Integers& row :
             {Integers{"int8_int8", "int8", false, 1}, Integers{"int4_int8", "int4", false, 1},
              Integers{"dint4_int8", "dint4", true, 2}, Integers{"dint4_int8_symmetric", "dint4", false, 2},
              Integers{"dint3_int8", "dint3", true, 2}})
            QTest::newRow(row.unit) << row.unit << row.format << row.holds_zero << row.parts;
    }
    // A unit counts a code from the middle of the range, so that a channel's zero point is taken off after the sum.
    void everyIntegerPair() {
        QFETCH(QString, unit);
        QFETCH(QString, format);
        QFETCH(bool, holds_zero);
        QFETCH(int, parts);
        const CodeGrid& grid = grid_of(format.toUtf8());
        const auto simulated = simulated_unit(unit.toStdString());
        const int middle = grid.levels / 2;
        for (int zero = holds_zero ? 0 : middle; zero <= (holds_zero ? grid.levels - 1 : middle); ++zero) {
            simulated->clock({0, 0, static_cast<std::uint16_t>(zero), true, true});
            for (int code = 0; code < grid.code_count(); ++code) {
                const float steps = value_of(grid, byte(code), zero) + float(zero - middle);
                const int weight = static_cast<int>(std::lround(float(parts) * steps));
                for (int x = -128; x <= 127; ++x) {
                    const auto sum = static_cast<std::int32_t>(simulated->clock({byte(code), byte(x), 0, true, false}));
                    if (sum != weight * x)
                        QFAIL(qPrintable(QStringLiteral("code %1, zero %2, input %3: %4 where %5 is meant")
                                             .arg(code)
                                             .arg(zero)
                                             .arg(x)
                                             .arg(sum)
                                             .arg(weight * x)));
                }
            }
        }
    }

    // Only what DGQ allows: (code - zero) x group scale within +-127.
    void everyExpandedPair() {
        const auto simulated = simulated_unit("dgq_int4_int8");
        int expansions = 0;
        for (int scale = 1; scale <= 127; ++scale)
            for (int zero = 0; zero < 16; ++zero) {
                simulated->clock({0, 0, static_cast<std::uint16_t>(scale << 4 | zero), true, true});
                for (int code = 0; code < 16; ++code) {
                    const int weight = (code - zero) * scale;
                    if (std::abs(weight) > 127) continue;
                    ++expansions;
                    for (int x = -128; x <= 127; ++x) {
                        const auto sum =
                            static_cast<std::int32_t>(simulated->clock({byte(code), byte(x), 0, true, false}));
                        if (sum != weight * x)
                            QFAIL(qPrintable(QStringLiteral("code %1, zero %2, scale %3, input %4: %5")
                                                 .arg(code)
                                                 .arg(zero)
                                                 .arg(scale)
                                                 .arg(x)
                                                 .arg(sum)));
                    }
                }
            }
        QVERIFY(expansions > 8000);
    }

    // All patterns of OCP's bits, negative zero included; expected from our table of values.
    void everyFp4Pair() {
        const CodeGrid& grid = grid_of("fp4_e2m1");
        const auto simulated = simulated_unit("fp4_fp4");
        const auto value = [&](int bits) {
            return grid.table[std::size_t(7 + (bits & 7))] * (bits & 8 ? -1.0F : 1.0F);
        };
        for (int w = 0; w < 16; ++w)
            for (int x = 0; x < 16; ++x) {
                const auto sum = static_cast<std::int32_t>(simulated->clock({byte(w), byte(x), 0, true, false}));
                QVERIFY(float(sum) == 4 * value(w) * value(x));
            }
    }

    void everyFp8Pair() {
        const CodeGrid& grid = grid_of("fp8_e4m3");
        const auto simulated = simulated_unit("fp8_fp8");
        const auto value = [&](int bits) {
            const int magnitude = bits & 0x7f;
            if (magnitude == 0x7f) return std::numeric_limits<float>::quiet_NaN();
            return grid.table[std::size_t(126 + magnitude)] * (bits & 0x80 ? -1.0F : 1.0F);
        };
        for (int w = 0; w < 256; ++w)
            for (int x = 0; x < 256; ++x) {
                const std::uint32_t sum = simulated->clock({byte(w), byte(x), 0, true, false});
                const float expected = 0.0F + value(w) * value(x);
                if (std::isnan(expected))
                    QCOMPARE(sum, 0x7fc00000U);
                else
                    QCOMPARE(sum, std::bit_cast<std::uint32_t>(expected));
            }
    }

    // The bits that tests and operand streams send for a rank are those of its value.
    void ranksBecomeBits() {
        for (const char* name : {"fp4_e2m1", "fp8_e4m3"}) {
            const QuantFormat& format = *find_format(name);
            for (int code = 0; code < format.grid.levels; ++code) {
                const int bits = ocp_bits(format.grid, format.bits, code);
                const int half = 1 << (format.bits - 1);
                const float magnitude = format.grid.table[std::size_t(format.grid.levels / 2 + bits % half)];
                QCOMPARE(bits >= half ? -magnitude : magnitude, value_of(format.grid, byte(code), 0));
            }
        }
    }
};

GRATICULE_TEST(TestRtlProducts);
#include "tst_products.moc"
