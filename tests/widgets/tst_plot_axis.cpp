// Axes: places, ticks, and how numbers read.
#include "tests/support/test_main.h"
#include "widgets/models/number_text.h"
#include "widgets/plots/axis_scale.h"

#include <QtTest/QTest>
#include <cmath>

using namespace graticule;
using namespace graticule::plots;

class PlotAxis : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void step_is_one_two_or_five_data() {
        QTest::addColumn<double>("width");
        QTest::addColumn<int>("wanted");
        QTest::addColumn<double>("step");
        QTest::newRow("ten in five") << 10.0 << 5 << 2.0;
        QTest::newRow("seven in five") << 7.0 << 5 << 2.0;
        QTest::newRow("one in ten") << 1.0 << 10 << 0.1;
        QTest::newRow("large") << 4096.0 << 9 << 500.0;
        QTest::newRow("tiny") << 3e-7 << 3 << 1e-7;
        QTest::newRow("nothing") << 0.0 << 5 << 1.0;
    }
    void step_is_one_two_or_five() {
        QFETCH(double, width);
        QFETCH(int, wanted);
        QFETCH(double, step);
        QVERIFY(std::abs(nice_step(width, wanted) - step) < 1e-9 * step);
    }

    void tick_texts_data() {
        QTest::addColumn<int>("scale");
        QTest::addColumn<double>("lower");
        QTest::addColumn<double>("upper");
        QTest::addColumn<QStringList>("texts");
        using S = QStringList;
        QTest::newRow("linear") << int(Scale::linear) << -9.0 << 9.0
                                << S{"−8", "−6", "−4", "−2", "0", "2", "4", "6", "8"};
        QTest::newRow("fractions") << int(Scale::linear) << 0.0 << 0.5
                                   << S{"0.00", "0.05", "0.10", "0.15", "0.20", "0.25",
                                        "0.30", "0.35", "0.40", "0.45", "0.50"};
        QTest::newRow("decades") << int(Scale::log10) << 0.6 << 2000.0 << S{"1", "10", "100", "1,000"};
        QTest::newRow("powers of two") << int(Scale::log2) << 60.0 << 4500.0
                                       << S{"64", "128", "256", "512", "1,024", "2,048", "4,096"};
        QTest::newRow("symlog") << int(Scale::symlog) << -150.0 << 150.0
                                << S{"−100", "−10", "−1", "0", "1", "10", "100"};
    }
    void tick_texts() {
        QFETCH(int, scale);
        QFETCH(double, lower);
        QFETCH(double, upper);
        QFETCH(QStringList, texts);
        QStringList got;
        for (const Tick& tick : ticks(Scale(scale), {lower, upper}, 10))
            if (!tick.text.isEmpty()) got << tick.text;
        QCOMPARE(got, texts);
    }

    void ticks_stay_inside_any_span_data() {
        QTest::addColumn<double>("lower");
        QTest::addColumn<double>("upper");
        QTest::newRow("plain") << 0.0 << 1.0;
        QTest::newRow("backwards") << 5.0 << -5.0;
        QTest::newRow("no width") << 3.0 << 3.0;
        QTest::newRow("zero") << 0.0 << 0.0;
        QTest::newRow("huge") << -1e30 << 1e30;
        QTest::newRow("narrow at a large offset") << 1e6 << 1e6 + 1e-3;
        QTest::newRow("nan") << std::nan("") << std::nan("");
        QTest::newRow("infinite") << -double(INFINITY) << double(INFINITY);
        QTest::newRow("forty decades") << 1e-20 << 1e20;
    }
    void ticks_stay_inside_any_span() {
        QFETCH(double, lower);
        QFETCH(double, upper);
        for (const Scale scale : {Scale::linear, Scale::log10, Scale::log2, Scale::symlog}) {
            const Span span = usable(scale, {lower, upper});
            QVERIFY(span.upper > span.lower);
            const auto list = ticks(scale, span, 8);
            QVERIFY(!list.empty());
            QVERIFY(list.size() < 400);
            for (const Tick& tick : list) {
                QVERIFY(tick.value >= span.lower - span.width() * 1e-6);
                QVERIFY(tick.value <= span.upper + span.width() * 1e-6);
            }
        }
    }

    void pixel_and_value_are_inverse() {
        for (const Scale scale : {Scale::linear, Scale::log10, Scale::log2, Scale::symlog}) {
            const AxisMap map{scale, 1, {0.5, 700}, 300, 20};
            for (double pixel = 20; pixel <= 300; pixel += 7)
                QVERIFY(std::abs(map.pixel(map.value(pixel)) - pixel) < 1e-6);
            QCOMPARE(map.pixel(0.5), 300.0);
            QCOMPARE(map.pixel(700), 20.0);
        }
    }

    void what_a_log_axis_cannot_show_lies_beyond_its_end() {
        const AxisMap map{Scale::log10, 1, {1, 100}, 0, 100};
        QVERIFY(map.pixel(0) < 0);
        QVERIFY(map.pixel(-5) < 0);
        QVERIFY(std::isfinite(map.pixel(0)));
        QVERIFY(std::isnan(map.pixel(std::nan(""))));
    }

    void numbers_read_well_data() {
        QTest::addColumn<QString>("got");
        QTest::addColumn<QString>("expected");
        QTest::newRow("thousands") << number_text(1050) << QStringLiteral("1,050");
        QTest::newRow("millions") << whole_text(-1234567) << QStringLiteral("−1,234,567");
        QTest::newRow("digits") << number_text(7.6543) << QStringLiteral("7.654");
        QTest::newRow("no false digits") << number_text(2.50) << QStringLiteral("2.5");
        QTest::newRow("tiny") << number_text(-3.2e-7) << QStringLiteral("−3.2e−7");
        QTest::newRow("small, with an exponent") << exponent_text(0.00042, 2) << QStringLiteral("4.2e−4");
        QTest::newRow("sign") << signed_text(3.04, 2) << QStringLiteral("+3.04");
        QTest::newRow("no sign on zero") << signed_text(-0.001, 2) << QStringLiteral("0");
        QTest::newRow("share") << percent_text(0.1768) << QStringLiteral("17.7 %");
        QTest::newRow("nan") << number_text(std::nan("")) << QStringLiteral("–");
        QTest::newRow("infinite") << fixed_text(-INFINITY, 1) << QStringLiteral("−∞");
        QTest::newRow("three digits stay") << whole_text(999) << QStringLiteral("999");
    }
    void numbers_read_well() {
        QFETCH(QString, got);
        QTEST(got, "expected");
    }
};

GRATICULE_TEST(PlotAxis);
#include "tst_plot_axis.moc"
