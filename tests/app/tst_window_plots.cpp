// Plots of the open model under a reader's hands: coming near shows finer counts of the same values.
#include <QtCore/QSettings>
#include <QtCore/QTemporaryDir>
#include <QtGui/QClipboard>
#include <QtGui/QGuiApplication>
#include <QtGui/QWheelEvent>
#include <QtTest/QTest>
#include <numeric>

#include "app/window/main_window.h"
#include "app/window/plot_feed.h"
#include "tests/app/shown_window.h"
#include "tests/support/short_calibration.h"
#include "tests/support/test_main.h"
#include "widgets/plots/scene_text.h"

using namespace graticule;
using plots::Series;
using plots::Span;

namespace {
/// What the bars between two of their edges count.
double counted(const Series& bars, double from, double to) {
    double sum = 0;
    for (std::size_t i = 0; i < bars.y.size(); ++i)
        if (bars.x[i] >= from - 1e-9 && bars.x[i + 1] <= to + 1e-9) sum += bars.y[i];
    return sum;
}
double bar_width(const Series& bars) { return bars.x.at(1) - bars.x.at(0); }

/// The bars that are shown; none while something is computed.
const Series* shown_bars(const plots::PlotSurface& plot) {
    return plot.scene().panels.empty() ? nullptr : &plot.scene().panels[0].series[0];
}
} // namespace

class WindowPlotsTest : public QObject {
    Q_OBJECT

    QTemporaryDir folder_;
    std::unique_ptr<QSettings> settings_;
    std::unique_ptr<MainWindow> window_;

private Q_SLOTS:
    void initTestCase() {
        auto [settings, window] = testing::show_window(folder_.filePath("settings.ini"));
        settings_ = std::move(settings);
        window_ = std::move(window);
        window_->openPath("sample-opt");
        QTRY_VERIFY_WITH_TIMEOUT(window_->session().model() != nullptr, 30'000);
        window_->session().calibrate(testing::short_calibration());
        QTRY_VERIFY_WITH_TIMEOUT(!window_->session().jobs().busy() && window_->session().whatIfs().idle(), 60'000);
    }
    void cleanupTestCase() {
        window_.reset();
        settings_.reset();
    }

    void the_part_in_sight_is_counted_in_bins_of_its_own_data() {
        QTest::addColumn<int>("which");
        QTest::addColumn<Span>("part");
        QTest::addColumn<double>("close"); // of the counts
        QTest::newRow("weights") << int(DistributionOf::weight) << Span{-1, 1} << 0.0;
        QTest::newRow("few weights") << int(DistributionOf::weight) << Span{6, 8} << 0.0;
        QTest::newRow("inputs") << int(DistributionOf::input) << Span{-0.25, 0.25} << 0.02; // interpolated in bins
    }
    void the_part_in_sight_is_counted_in_bins_of_its_own() {
        QFETCH(int, which);
        QFETCH(Span, part);
        QFETCH(double, close);
        const auto of = static_cast<DistributionOf>(which);
        const auto whole = distribution_plot(window_->session(), of),
                   near = distribution_plot(window_->session(), of, part);
        QVERIFY(!whole.panels.empty() && !near.panels.empty());
        const Series &coarse = whole.panels[0].series[0], &fine = near.panels[0].series[0];
        QVERIFY2(bar_width(fine) < bar_width(coarse) / 3, qPrintable(QString::number(bar_width(fine))));
        QCOMPARE(near.panels[0].x.span, whole.panels[0].x.span); // zooming out still ends at the whole
        QVERIFY(fine.x.front() <= part.lower + 1e-9 && fine.x.back() >= part.upper - 1e-9);
        // The finest picture of all, bar by bar, is the same distribution.
        const double expected =
            of == DistributionOf::weight
                ? counted(coarse, part.lower, part.upper)
                : counted(distribution_plot(window_->session(), of, Span{part.lower, 0}).panels[0].series[0], -1, 1) +
                      counted(distribution_plot(window_->session(), of, Span{0, part.upper}).panels[0].series[0], -1,
                              1);
        const double sum = counted(fine, part.lower, part.upper);
        QVERIFY(expected > 0);
        QVERIFY2(std::abs(sum - expected) <= close * expected,
                 qPrintable(QStringLiteral("%1, not %2").arg(sum).arg(expected)));
    }

    void the_wheel_rebins_and_home_shows_the_whole_again() {
        plots::PlotSurface& plot = *window_->plots().currentPlot();
        QTest::qWait(200); // the plot's own consequences of new statistics
        QTRY_VERIFY(window_->session().whatIfs().idle() && shown_bars(plot) && !plot.picture().panels.empty());
        const double coarse = bar_width(*shown_bars(plot));
        const QPointF at = plot.picture().panels[0].plot.center();
        for (int turn = 0; turn < 8; ++turn) {
            QWheelEvent wheel(at, plot.mapToGlobal(at), {}, {0, 120}, Qt::NoButton, Qt::NoModifier, Qt::NoScrollPhase,
                              false);
            QCoreApplication::sendEvent(&plot, &wheel);
        }
        QVERIFY(plot.view().x.has_value());
        const Span near = *plot.view().x;
        QTRY_VERIFY(shown_bars(plot) && bar_width(*shown_bars(plot)) < coarse / 3);
        QVERIFY(plot.view().x == near); // the reader's view is kept
        plot.copyData();                // all of it, not what happens to be in sight
        QCOMPARE(QGuiApplication::clipboard()->text(),
                 to_tsv(data_table(distribution_plot(window_->session(), DistributionOf::weight))));
        QVERIFY(QGuiApplication::clipboard()->text() != to_tsv(data_table(plot.scene())));
        // Dragging shows what comes into sight.
        QTest::mousePress(&plot, Qt::LeftButton, {}, at.toPoint());
        QTest::mouseMove(&plot, at.toPoint() + QPoint(60, 0));
        QTest::mouseMove(&plot, at.toPoint() + QPoint(120, 0));
        QTest::mouseRelease(&plot, Qt::LeftButton, {}, at.toPoint() + QPoint(120, 0));
        QVERIFY(plot.view().x && plot.view().x->lower < near.lower);
        const double left = plot.view().x->lower;
        QTRY_VERIFY(shown_bars(plot) && shown_bars(plot)->x.front() <= left + 1e-9);
        QTest::keyClick(&plot, Qt::Key_Home);
        QVERIFY(!plot.view().x);
        QTRY_VERIFY(shown_bars(plot) && bar_width(*shown_bars(plot)) == coarse);
    }
};

GRATICULE_TEST(WindowPlotsTest);
#include "tst_window_plots.moc"
