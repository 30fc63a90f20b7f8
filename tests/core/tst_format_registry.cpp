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
#include "core/recipe/recipe.h"
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
        QCOMPARE(name("w=nvfp4 a=nvfp4"), std::string("fp4_fp4"));
        QCOMPARE(name("w=fp8_e4m3/sym/channel a=fp8_e4m3/sym/token"), std::string("fp8_fp8"));
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
        for (const char* text : {"tensor", "channel", "token", "g1", "g32", "g128"}) QTest::newRow(text) << text;
    }
    void granularity_text() {
        QFETCH(QString, text);
        const auto parsed = parse_granularity(text.toStdString());
        QVERIFY(parsed.has_value());
        QCOMPARE(to_text(*parsed), text.toStdString());
    }
    void granularity_refused_data() {
        QTest::addColumn<QString>("text");
        for (const char* text : {"", "g", "g0", "g-4", "g12x", "dual128", "row", "G128", "g99999999999999999999"})
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

    void advice_about_groups_names_64_where_it_divides_and_reads_as_a_sentence() {
        const Granularity g128 = *parse_granularity("g128");
        QCOMPARE(check_granularity(g128, 576), // SmolLM2-135M
                 std::string("group size 128 does not divide the 576 input columns; use 64, 96, 144, 192, or per "
                             "channel"));
        QCOMPARE(check_granularity(g128, 37),
                 std::string("group size 128 does not divide the 37 input columns; no size from 8 does: use one scale "
                             "per channel"));
        QCOMPARE(check_granularity(g128, 128), std::string());
    }

    void levels_text_data() {
        QTest::addColumn<QString>("text");
        for (const char* text : {"tensor", "channel", "g128", "g128:f16", "channel:bf16", "dual128",
                                 "g16:e4m3/tensor:f32", "g32:e8m0", "g32:f32/g256:f16"})
            QTest::newRow(text) << text;
    }
    void levels_text() {
        QFETCH(QString, text);
        const auto levels = parse_levels(text.toStdString());
        QVERIFY(!levels.empty());
        QCOMPARE(to_text(levels), text.toStdString());
    }
    void levels_refused_data() {
        QTest::addColumn<QString>("text");
        for (const char* text : {"", "g16:", "g16:e5m2", "g16:e4m3/", "/tensor", "dual", "dual0", "dual64/tensor",
                                 "dual64:i8", "dual64:e4m3", "f32"})
            QTest::newRow(text) << text;
    }
    void levels_refused() {
        QFETCH(QString, text);
        QVERIFY(parse_levels(text.toStdString()).empty());
    }
    void dual_grain_is_two_levels() {
        const auto levels = parse_levels("g128:i8/channel:f32");
        QVERIFY(is_dual_grain(levels));
        QCOMPARE(to_text(levels), std::string("dual128"));
        for (const char* text : {"dual64:f16", "dual64:bf16"}) {
            QVERIFY(is_dual_grain(parse_levels(text)));
            QCOMPARE(to_text(parse_levels(text)), std::string(text));
        }
        QCOMPARE(to_text(parse_levels("g32:i8/channel:f16")), std::string("dual32:f16"));
    }
    void codings_are_in_order() {
        for (std::size_t i = 0; i < all_codings().size(); ++i) QCOMPARE(std::size_t(all_codings()[i].coding), i);
    }
    void block_formats_are_formats() {
        for (const BlockFormat& block : all_block_formats()) {
            QVERIFY(find_format(block.format) != nullptr);
            QVERIFY(find_format(block.name) == nullptr); // one name, one meaning
            QCOMPARE(find_block_format(block.format, block.levels), &block);
        }
    }

    // Counted by hand from the specifications: OCP MX 1.0, NVFP4, DGQ section 3.1.
    void bits_of_schemes_data() {
        QTest::addColumn<QString>("line");
        QTest::addColumn<double>("actual"); // of a 256 x 512 weight, per value
        QTest::addColumn<double>("ideal");
        const double weights = 256 * 512;
        QTest::newRow("int4 g128") << "int4/asym/g128" << 4 + (32 + 4) / 128.0 << 4 + (16 + 4) / 128.0;
        QTest::newRow("symmetric") << "int4/sym/g128" << 4 + 32 / 128.0 << 4 + 16 / 128.0;
        QTest::newRow("half") << "int4/sym/g128:f16" << 4 + 16 / 128.0 << 4 + 16 / 128.0;
        QTest::newRow("byte zero points") << "int3/asym:i8/channel:bf16" << 3 + 24 / 512.0 << 3 + 24 / 512.0;
        QTest::newRow("dual grain") << "int4/asym/dual128" << 4 + 16 / 128.0 + 32 / 512.0
                                    << 4 + 16 / 128.0 + 16 / 512.0;
        QTest::newRow("nvfp4") << "nvfp4" << 4.5 + 32 / weights << 4.5 + 16 / weights;
        QTest::newRow("mxfp4") << "mxfp4" << 4.25 << 4.25;
        QTest::newRow("mxfp8") << "mxfp8" << 8.25 << 8.25;
    }
    void bits_of_schemes() {
        QFETCH(QString, line);
        QFETCH(double, actual);
        QFETCH(double, ideal);
        const TensorScheme scheme = *parse_scheme_line("w=" + line.toStdString()).scheme.weight;
        const StoredBits bits = stored_bits(scheme, 256, 512);
        QCOMPARE(bits.actual / (256 * 512), actual);
        QCOMPARE(bits.ideal / (256 * 512), ideal);
    }
};

GRATICULE_TEST(TestFormatRegistry);
#include "tst_format_registry.moc"
