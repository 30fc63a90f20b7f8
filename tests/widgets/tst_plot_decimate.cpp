// Decimation: few points, and none of the picture lost.
#include "tests/support/test_main.h"
#include "widgets/plots/decimate.h"

#include <QtTest/QTest>
#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <random>

using namespace graticule::plots;

namespace {

constexpr double left = 40, right = 840, top = 10, bottom = 310;

AxisMap across(double lower, double upper) { return {Scale::linear, 1, {lower, upper}, left, right}; }
AxisMap up(double lower, double upper) { return {Scale::linear, 1, {lower, upper}, bottom, top}; }

std::vector<double> ramp(std::size_t count) {
    std::vector<double> x(count);
    std::iota(x.begin(), x.end(), 0.0);
    return x;
}

std::vector<double> noise(std::size_t count, unsigned seed) {
    std::mt19937 engine(seed);
    std::normal_distribution<double> normal;
    std::vector<double> y(count);
    for (double& value : y) value = normal(engine);
    return y;
}

} // namespace

class PlotDecimate : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void at_most_two_points_a_column_data() {
        QTest::addColumn<int>("count");
        for (const int count : {0, 1, 2, 799, 801, 5000, 300000})
            QTest::newRow(qPrintable(QString::number(count))) << count;
    }
    void at_most_two_points_a_column() {
        QFETCH(int, count);
        const auto x = ramp(std::size_t(count)), y = noise(std::size_t(count), 3);
        const auto runs = decimate_line(x, y, across(0, std::max(1, count - 1)), up(-5, 5));
        std::map<long, int> columns;
        for (const auto& run : runs)
            for (const QPointF& point : run) ++columns[long(point.x() - left)];
        for (const auto& [column, points] : columns) QVERIFY2(points <= 2, qPrintable(QString::number(column)));
        QCOMPARE(runs.empty(), count == 0);
    }

    void every_columns_extremes_survive() {
        const std::size_t count = 100000;
        const auto x = ramp(count), y = noise(count, 5);
        const AxisMap x_map = across(0, double(count) - 1), y_map = up(-6, 6);
        std::map<long, std::pair<double, double>> wanted, got;
        const auto note = [](auto& map, QPointF point) {
            const auto [at, fresh] = map.try_emplace(long(point.x() - left), point.y(), point.y());
            at->second = {std::min(at->second.first, point.y()), std::max(at->second.second, point.y())};
        };
        for (std::size_t i = 0; i < count; ++i) note(wanted, {x_map.pixel(x[i]), y_map.pixel(y[i])});
        for (const auto& run : decimate_line(x, y, x_map, y_map))
            for (const QPointF& point : run) note(got, point);
        QVERIFY(wanted == got);
    }

    void order_is_kept() {
        const auto x = ramp(50000), y = noise(50000, 7);
        for (const auto& run : decimate_line(x, y, across(0, 49999), up(-5, 5)))
            QVERIFY(std::is_sorted(run.begin(), run.end(), [](QPointF a, QPointF b) { return a.x() < b.x(); }));
    }

    void nan_is_a_gap() {
        auto y = noise(400, 1);
        y[100] = y[101] = std::nan("");
        const auto runs = decimate_line(ramp(400), y, across(0, 399), up(-5, 5));
        QCOMPARE(runs.size(), std::size_t(2));
        QVERIFY(decimate_line(ramp(3), std::vector<double>(3, std::nan("")), across(0, 2), up(0, 1)).empty());
    }

    void a_zoomed_line_still_reaches_the_frames_edges() {
        const auto x = ramp(1000), y = noise(1000, 2);
        const auto runs = decimate_line(x, y, across(500, 510), up(-5, 5));
        QCOMPARE(runs.size(), std::size_t(1));
        QVERIFY(runs.front().front().x() < left);
        QVERIFY(runs.front().back().x() > right);
        QVERIFY(runs.front().size() < 20);
    }

    void narrow_bars_merge_and_the_tallest_survives() {
        const std::size_t count = 20000;
        std::vector<double> edges = ramp(count + 1), tops(count, 1.0);
        tops[12345] = 99;
        const std::span<const double> all(edges);
        const auto bars = decimate_bars(all.first(count), all.last(count), tops, {}, across(0, double(count)));
        QVERIFY(bars.size() <= std::size_t(right - left) + 1);
        const auto tallest = std::max_element(bars.begin(), bars.end(), [](auto& a, auto& b) { return a.top < b.top; });
        QCOMPARE(tallest->top, 99.0);
        QCOMPARE(tallest->source, std::size_t(12345));
        for (std::size_t i = 1; i < bars.size(); ++i) QVERIFY(bars[i].left >= bars[i - 1].right - 1e-9);
    }

    void bars_outside_the_view_vanish_and_those_at_the_edge_are_cut() {
        const std::vector<double> edges{0, 1, 2, 3, 4}, tops{1, 2, std::nan(""), 4};
        const std::span<const double> all(edges);
        const auto bars = decimate_bars(all.first(4), all.last(4), tops, {}, across(1.5, 10));
        QCOMPARE(bars.size(), std::size_t(2));
        QCOMPARE(bars[0].left, left);
        QCOMPARE(bars[0].top, 2.0);
        QCOMPARE(bars[1].top, 4.0);
    }

    void points_keep_their_columns_extremes() {
        const std::size_t count = 50000;
        const auto x = ramp(count), y = noise(count, 9);
        const auto kept = decimate_points(x, y, across(0, double(count) - 1));
        QVERIFY(kept.size() <= 2 * (std::size_t(right - left) + 2));
        const auto largest = std::size_t(std::max_element(y.begin(), y.end()) - y.begin());
        const auto smallest = std::size_t(std::min_element(y.begin(), y.end()) - y.begin());
        QVERIFY(std::find(kept.begin(), kept.end(), largest) != kept.end());
        QVERIFY(std::find(kept.begin(), kept.end(), smallest) != kept.end());
    }
};

GRATICULE_TEST(PlotDecimate);
#include "tst_plot_decimate.moc"
