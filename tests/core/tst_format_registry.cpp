// Every row of the format registry, and the granularities.
#include <QtTest/QTest>

#include <QtCore/QFile>
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "core/base/error.h"
#include "core/format/granularity.h"
#include "core/format/mac_units.h"
#include "core/format/quant_format.h"
#include "core/recipe/hardware_cost.h"
#include "core/recipe/tensor_scheme.h"
#include "tests/support/test_main.h"

using namespace graticule;

class TestFormatRegistry : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void every_row_is_complete_data() {
        QTest::addColumn<QString>("name");
        for (const QuantFormat& format : all_formats())
            QTest::newRow(std::string(format.name).c_str())
                << QString::fromUtf8(format.name.data(), qsizetype(format.name.size()));
    }
    void every_row_is_complete() {
        QFETCH(QString, name);
        const QuantFormat* format = find_format(name.toStdString());
        QVERIFY(format != nullptr);
        QVERIFY(!format->label.empty());
        QVERIFY(!format->help.empty());
        QVERIFY(format->bits >= 2 && format->bits <= 8);
        const CodeGrid& grid = format->grid;
        QVERIFY(grid.code_count() <= 1 << format->bits);
        if (grid.shape == CodeGrid::Shape::table) {
            QVERIFY(!format->allows_asymmetric);
            for (std::int32_t i = 1; i < grid.levels; ++i)
                QVERIFY(grid.table[std::size_t(i - 1)] < grid.table[std::size_t(i)]);
            QCOMPARE(grid.table[std::size_t(grid.levels / 2)], 0.0F); // symmetric about one zero
            for (std::int32_t i = 0; i < grid.levels; ++i)
                QCOMPARE(grid.table[std::size_t(i)], -grid.table[std::size_t(grid.levels - 1 - i)]);
        } else {
            QCOMPARE(grid.code_count(), 1 << format->bits); // no code is wasted
        }
    }
    void names_are_unique() {
        std::set<std::string_view> names;
        for (const QuantFormat& format : all_formats()) QVERIFY(names.insert(format.name).second);
        QVERIFY(find_format("int9") == nullptr);
    }

    // The program's table of units is what was measured: docs/results/mac_unit.json, units of formats that there are.
    void units_are_as_measured() {
        QFile file(QStringLiteral(GRATICULE_SOURCE_DIR "/docs/results/mac_unit.json"));
        QVERIFY(file.open(QIODevice::ReadOnly));
        const nlohmann::json measured = nlohmann::json::parse(file.readAll().toStdString()).at("units");
        std::size_t of_pairs = 0;
        for (const nlohmann::json& row : measured) {
            if (row.at("weights").is_null()) continue; // measured for the page alone
            ++of_pairs;
            const auto unit = std::find_if(all_mac_units().begin(), all_mac_units().end(), [&](const MacUnit& u) {
                return u.unit == row.at("unit").get<std::string>();
            });
            QVERIFY2(unit != all_mac_units().end(), row.at("unit").get<std::string>().c_str());
            QCOMPARE(std::string(unit->label), row.at("title").get<std::string>());
            QCOMPARE(std::string(unit->weights), row.at("weights").get<std::string>());
            QCOMPARE(std::string(unit->inputs), row.at("inputs").get<std::string>());
            QCOMPARE(unit->expands_groups, !row.at("grain").get<std::string>().empty());
            const nlohmann::json& relative = row.at("with_accumulator").at("relative");
            QCOMPARE(unit->area, relative.at("area").get<double>());
            QCOMPARE(unit->power, relative.at("power").get<double>());
        }
        QCOMPARE(of_pairs, all_mac_units().size());
        for (const MacUnit& unit : all_mac_units()) {
            const QuantFormat *weights = find_format(unit.weights), *inputs = find_format(unit.inputs);
            QVERIFY(weights != nullptr && inputs != nullptr);
            QCOMPARE(find_mac_unit(*weights, *inputs, unit.expands_groups), &unit);
        }
    }

    void units_of_schemes() {
        const auto name = [](const char* line) {
            const MacUnit* unit = mac_unit_of(parse_scheme_line(line).scheme);
            return unit ? std::string(unit->unit) : std::string();
        };
        QCOMPARE(name("w=dint4/asym/channel a=int8/sym/token"), std::string("dint4_int8"));
        QCOMPARE(name("w=int4/asym/g128 a=int8/sym/tensor/static"), std::string("int4_int8"));
        QCOMPARE(name("w=int4/asym/dual128 a=int8/sym/token"), std::string("dgq_int4_int8"));
        QCOMPARE(name("w=int4/asym/g128"), std::string()); // inputs in 16 bits
        QCOMPARE(name("w=int5/asym/g128 a=int8/sym/token"), std::string());
        QCOMPARE(name("none"), std::string());
    }

    // OCP 8-bit Floating Point Specification and MX: how many finite values, the largest and the smallest.
    void floating_grids_data() {
        QTest::addColumn<QString>("name");
        QTest::addColumn<int>("values");
        QTest::addColumn<double>("largest");
        QTest::addColumn<double>("smallest");
        QTest::newRow("e4m3") << "fp8_e4m3" << 253 << 448.0 << std::ldexp(1.0, -9);
        QTest::newRow("e5m2") << "fp8_e5m2" << 247 << 57344.0 << std::ldexp(1.0, -16);
        QTest::newRow("e2m1") << "fp4_e2m1" << 15 << 6.0 << 0.5;
    }
    void floating_grids() {
        QFETCH(QString, name);
        QFETCH(int, values);
        QFETCH(double, largest);
        QFETCH(double, smallest);
        const CodeGrid& grid = find_format(name.toStdString())->grid;
        QCOMPARE(grid.levels, values);
        QCOMPARE(double(grid.table[std::size_t(values - 1)]), largest);
        QCOMPARE(double(grid.table[std::size_t(values / 2 + 1)]), smallest);
    }
    void e2m1_values() {
        const CodeGrid& grid = find_format("fp4_e2m1")->grid;
        const std::vector<float> expected{0, 0.5F, 1, 1.5F, 2, 3, 4, 6};
        for (std::size_t i = 0; i < expected.size(); ++i) QCOMPARE(grid.table[7 + i], expected[i]);
    }
    void dint_reserves_two_codes() { // Lee et al. 2023, section 4.2: p = 2^b - 3 steps, +-s/2
        const CodeGrid& grid = find_format("dint4")->grid;
        QCOMPARE(grid.levels, 14);
        QCOMPARE(grid.special_count, 2);
        QCOMPARE(grid.specials[0], 0.5F);
        QCOMPARE(grid.specials[1], -0.5F);
        QCOMPARE(find_format("dint3")->grid.levels, 6);
    }

    void granularity_text_data() {
        QTest::addColumn<QString>("text");
        for (const char* text : {"tensor", "channel", "token", "g1", "g32", "g128", "dual128"})
            QTest::newRow(text) << text;
    }
    void granularity_text() {
        QFETCH(QString, text);
        const auto parsed = parse_granularity(text.toStdString());
        QVERIFY(parsed.has_value());
        QCOMPARE(to_text(*parsed), text.toStdString());
    }
    void granularity_refused_data() {
        QTest::addColumn<QString>("text");
        for (const char* text : {"", "g", "g0", "g-4", "g12x", "dual", "row", "G128", "g99999999999999999999"})
            QTest::newRow(text) << text;
    }
    void granularity_refused() {
        QFETCH(QString, text);
        QVERIFY(!parse_granularity(text.toStdString()).has_value());
    }

    void layouts() {
        QCOMPARE(layout_of(*parse_granularity("tensor"), 4, 256), (BlockLayout{4, 256}));
        QCOMPARE(layout_of(*parse_granularity("channel"), 4, 256), (BlockLayout{1, 256}));
        QCOMPARE(layout_of(*parse_granularity("g64"), 4, 256), (BlockLayout{1, 64}));
        QCOMPARE(layout_of(*parse_granularity("dual128"), 4, 256), (BlockLayout{1, 128}));
    }
    void a_group_that_does_not_divide_names_what_would() {
        try {
            (void)layout_of(*parse_granularity("g128"), 4, 2592);
            QFAIL("accepted");
        } catch (const Error& error) {
            QCOMPARE(error.info().message, std::string("group size 128 does not divide the 2592 input columns; use 96, "
                                                       "108, 144, 162, or per channel"));
        }
    }

    void stored_bits() {
        TensorScheme scheme{find_format("int4"), false, *parse_granularity("g128"), false};
        QCOMPARE(scheme.bits_per_value(256, 256), 4 + (16 + 4) / 128.0);
        scheme.symmetric = true;
        QCOMPARE(scheme.bits_per_value(256, 256), 4 + 16 / 128.0);
        scheme.granularity = *parse_granularity("dual128"); // INT8 scale and zero point a group, 16 bits a row
        QCOMPARE(scheme.bits_per_value(256, 256), 4 + 16 / 128.0 + 16 / 256.0);
    }
};

GRATICULE_TEST(TestFormatRegistry);
#include "tst_format_registry.moc"
