// Everything within reach: pinned plots, bookmarks, figures that explain themselves, tokens by channels, all inputs,
// what was shipped run once more, one window for one set of settings.
#include <QtCore/QDir>
#include <QtCore/QFile>
#include <QtCore/QStandardPaths>
#include <QtCore/QTemporaryDir>
#include <QtCore/QThread>
#include <QtGui/QClipboard>
#include <QtGui/QGuiApplication>
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>
#include <QtWidgets/QDockWidget>
#include <QtWidgets/QToolButton>
#include <atomic>
#include <cmath>

#include "app/window/explain_figure.h"
#include "app/window/first_instance.h"
#include "app/window/multiples_feed.h"
#include "app/window/pinned_plots.h"
#include "app/window/plot_feed.h"
#include "app/window/sleep_inhibitor.h"
#include "tests/app/shown_window.h"
#include "tests/support/short_calibration.h"
#include "tests/support/test_main.h"
#include "widgets/models/layer_table_model.h"
#include "widgets/models/number_text.h"
#include "widgets/panels/recipe_panel.h"
#include "widgets/plots/plot_surface.h"

using namespace graticule;

class WindowReachTest : public QObject {
    Q_OBJECT

    QTemporaryDir folder_;
    std::unique_ptr<QSettings> settings_;
    std::unique_ptr<MainWindow> window_;

    [[nodiscard]] Session& session() { return window_->session(); }
    [[nodiscard]] bool quiet() { return !session().jobs().busy() && session().whatIfs().idle(); }
    [[nodiscard]] LayerId layer(const char* name) {
        for (const Linear& linear : session().model()->linears())
            if (linear.short_name == name) return linear.id;
        return {};
    }

private Q_SLOTS:
    void initTestCase() {
        auto [settings, window] = testing::show_window(folder_.filePath("settings.ini"));
        settings_ = std::move(settings);
        window_ = std::move(window);
        window_->openPath("sample-opt");
        QTRY_VERIFY_WITH_TIMEOUT(session().model() != nullptr, 30'000);
        session().calibrate(testing::short_calibration());
        QTRY_VERIFY_WITH_TIMEOUT(session().statsComplete() && quiet(), 120'000);
    }
    void cleanupTestCase() {
        window_.reset();
        settings_.reset();
    }

    void a_pinned_plot_stays_while_the_selection_moves() {
        const LayerId first = layer("layers.3.self_attn.v_proj"), second = layer("layers.5.fc1");
        session().select({first});
        window_->plots().showTab(PlotArea::Distribution);
        QTRY_VERIFY_WITH_TIMEOUT(quiet(), 30'000);
        for (QToolButton* button : window_->plots().currentPlot()->findChildren<QToolButton*>())
            if (button->text() == "pin") button->click();
        const auto pinned = [&] {
            QList<QDockWidget*> docks;
            for (QDockWidget* dock : window_->findChildren<QDockWidget*>())
                if (dock->windowTitle().contains("v_proj") && dock->isVisible()) docks << dock;
            return docks;
        };
        QCOMPARE(pinned().size(), 1);
        // Above the plots and as wide, where its labels have room, and nothing else is narrower for it.
        const auto place = [&](QWidget& widget) { return QRect(widget.mapTo(window_.get(), QPoint()), widget.size()); };
        QTRY_COMPARE(place(*pinned().front()).width(), place(window_->plots()).width());
        QVERIFY(place(*pinned().front()).bottom() < place(window_->plots()).top());
        const RecipePanel& recipe = window_->recipePanel();
        QTRY_VERIFY2(recipe.width() >= recipe.minimumSizeHint().width(),
                     qPrintable(QStringLiteral("%1 of %2").arg(recipe.width()).arg(recipe.minimumSizeHint().width())));
        auto* plot = pinned().front()->findChild<plots::PlotSurface*>();
        QTRY_VERIFY(!plot->scene().panels.empty());
        session().select({second});
        QTRY_VERIFY_WITH_TIMEOUT(quiet(), 30'000);
        QTRY_COMPARE(window_->plots().currentPlot()->scene().title, QString("layers.5.fc1"));
        QCOMPARE(plot->scene().title, QString("layers.3.self_attn.v_proj"));
        // It follows the recipe: the candidate's levels come to the pinned one although another is selected.
        const std::size_t levels = plot->scene().panels[0].levels.size();
        Recipe changed = session().recipe();
        changed.defaults = parse_scheme_line("w=dint4/asym/channel a=int8/sym/token");
        session().setRecipe(changed, "dint4");
        QTRY_VERIFY_WITH_TIMEOUT(plot->scene().panels[0].levels.size() > levels, 30'000);
        session().undo();
        for (QToolButton* button : pinned().front()->findChildren<QToolButton*>())
            if (button->toolTip() == "Unpin") button->click();
        QTRY_VERIFY(pinned().isEmpty());
    }

    void bookmarks_lead_back_to_selection_and_plot() {
        const std::vector<LayerId> there{layer("layers.2.fc2"), layer("layers.2.fc1")};
        session().select(there);
        window_->plots().showTab(PlotArea::Channels);
        QVERIFY(!window_->command("view.bookmark1")->isEnabled());
        window_->command("view.bookmark")->trigger();
        QVERIFY(window_->command("view.bookmark1")->isEnabled());
        QVERIFY(window_->command("view.bookmark1")->text().contains("layers.2.fc2 and 1 more"));
        session().select({layer("layers.0.fc1")});
        window_->plots().showTab(PlotArea::HeatMap);
        window_->command("view.bookmark1")->trigger();
        QCOMPARE(session().selection(), there);
        QCOMPARE(window_->plots().currentIndex(), int(PlotArea::Channels));
        window_->command("view.copy-location")->trigger();
        QCOMPARE(QGuiApplication::clipboard()->text(), QString("sample-opt · layers.2.fc2 and 1 more · Channels"));
        const SessionFile kept = window_->sessionFile(); // goes with the session
        QCOMPARE(kept.view.bookmarks.size(), std::size_t(1));
        const QString path = folder_.filePath("with.graticule");
        write_session(path, kept);
        QVERIFY(read_session(path).view.bookmarks == kept.view.bookmarks);
        window_->command("view.bookmark")->trigger(); // the same place again: no longer
        QVERIFY(!window_->command("view.bookmark1")->isEnabled());
    }

    void figures_explain_themselves_with_their_own_numbers() {
        const LayerId chosen = layer("layers.2.fc2");
        const auto lines = [&](int column) {
            const auto found = explain_figure(session(), chosen, column);
            return found ? found->lines : QString();
        };
        const Linear& linear = session().model()->linear(chosen);
        const OutlierReport& outliers = session().outliers()[index_of(linear.site)];
        QVERIFY(lines(LayerTableModel::Outlier)
                    .contains(QStringLiteral("%1 / %2 = %3")
                                  .arg(number_text(outliers.max_absmax, 5), number_text(outliers.median_absmax, 5),
                                       number_text(outliers.ratio, 5))));
        QVERIFY(lines(LayerTableModel::AbsMax).contains(number_text(outliers.max_absmax, 5)));
        const auto known =
            session().whatIfs().find(chosen, session().choiceFor(chosen, session().recipeRules()), false);
        QVERIFY(known);
        const LayerReport& report = known->report;
        // The computation comes to what the table shows.
        const double power = *report.output_mse * std::pow(10, *report.output_sqnr_db / 10);
        QVERIFY2(lines(LayerTableModel::Sqnr).contains(number_text(power, 5)),
                 qPrintable(lines(LayerTableModel::Sqnr)));
        QVERIFY(lines(LayerTableModel::Sqnr).contains(fixed_text(*report.output_sqnr_db, 2) + " dB"));
        QVERIFY(lines(LayerTableModel::Sqnr).contains("estimated from"));
        QVERIFY(lines(LayerTableModel::Underflow).contains(thousands_text(report.weight_counts.underflow)));
        QVERIFY(lines(LayerTableModel::Bytes).contains(thousands_text(report.bytes_after)));
        QVERIFY(!explain_figure(session(), chosen, LayerTableModel::Scheme)); // words
    }

    void tokens_stand_along_the_axis() {
        session().select({layer("layers.2.fc2")});
        const plots::PlotScene scene = token_map_plot(session(), TokenOrder::in_text);
        QVERIFY(!scene.panels.empty());
        const SiteStats& site =
            session().stats()->sites[index_of(session().model()->linear(*session().primary()).site)];
        const auto& cells = *scene.panels[0].cells;
        QCOMPARE(cells.rows, std::min<std::size_t>(96, site.kept_tokens.size()));
        QCOMPARE(scene.panels[0].y.names.size(), cells.rows);
        // Each row's largest cell is that token's largest value, and the text is the calibration's.
        for (std::size_t row = 0; row < cells.rows; ++row) {
            const auto begin = cells.values.begin() + std::ptrdiff_t(row * cells.columns);
            QCOMPARE(float(*std::max_element(begin, begin + std::ptrdiff_t(cells.columns))), site.token_absmax[row]);
        }
        const std::int32_t id = session().stats()->samples[0][0];
        QString text = QString::fromStdString(session().opened().tokenizer->decode({&id, 1}));
        if (text.isEmpty()) text = QString::fromStdString(session().opened().tokenizer->token_text(id));
        QCOMPARE(scene.panels[0].y.names.front(), text.replace(' ', QChar(0x00b7)));
        const plots::PlotScene ordered = token_map_plot(session(), TokenOrder::largest_first);
        QCOMPARE(float(*std::max_element(ordered.panels[0].cells->values.begin(),
                                         ordered.panels[0].cells->values.begin() +
                                             std::ptrdiff_t(ordered.panels[0].cells->columns))),
                 *std::max_element(site.token_absmax.begin(), site.token_absmax.end()));
    }

    void every_input_has_its_small_distribution() {
        const MultiplesShown shown = input_multiples(session());
        QCOMPARE(shown.multiples.rows.size(), 8);
        QCOMPARE(shown.multiples.columns.size(), 4);
        for (const auto& row : shown.multiples.cells)
            for (const SmallDistribution& cell : row) {
                QVERIFY(!cell.counts.empty());
                const SiteStats& site = session().stats()->sites[index_of(session().model()->linear(cell.layer).site)];
                double counted = 0;
                for (const double count : cell.counts) counted += count;
                const auto all = double(site.all().histogram.count());
                // What is not counted lies below the axis, which reaches beyond the largest.
                const double below = site.all().histogram.share_below(shown.multiples.low) * all;
                QVERIFY2(std::abs(counted + below - all) < 1e-6 * all, qPrintable(cell.name));
                QVERIFY(cell.largest <= shown.multiples.high);
            }
        QCOMPARE(first_reader(session(), layer("layers.3.self_attn.v_proj")), shown.multiples.cells[3][0].layer);
    }

    void what_was_exported_computes_what_was_meant_data() {
        QTest::addColumn<QString>("scheme");
        QTest::newRow("weights alone") << "w=int4/sym/channel";
        QTest::newRow("inputs too") << "w=int8/sym/channel a=int8/sym/token";
    }
    void what_was_exported_computes_what_was_meant() {
        QFETCH(QString, scheme);
        Recipe recipe = session().recipe();
        recipe.defaults = parse_scheme_line(scheme.toStdString());
        session().setRecipe(recipe, scheme);
        QVERIFY(session().quantize().has_value());
        QTRY_VERIFY_WITH_TIMEOUT(quiet(), 120'000);
        QSignalSpy exported(&session(), &Session::exported), failed(&session(), &Session::failed);
        session().exportRun(0, "compressed-tensors", folder_.filePath(QString("out-%1").arg(scheme.size())));
        QTRY_VERIFY_WITH_TIMEOUT(!exported.isEmpty() || !failed.isEmpty(), 120'000);
        QVERIFY2(failed.isEmpty(), qPrintable(failed.value(0).value(1).toString()));
        const QString said = exported[0][1].toString();
        QVERIFY2(said.contains("logits of 128 tokens") && said.contains("another first choice at 0 of them"),
                 qPrintable(said));
    }

    void a_second_start_comes_to_the_first_window() {
        const QString settings = folder_.filePath("one.ini");
        QVERIFY(!FirstInstance::hand_over(settings, "sample-opt")); // nobody is there
        FirstInstance first(settings);
        QSignalSpy wanted(&first, &FirstInstance::openWanted);
        std::atomic<int> taken = -1;
        const std::unique_ptr<QThread> second(
            QThread::create([&] { taken = FirstInstance::hand_over(settings, "/models/a b") ? 1 : 0; }));
        second->start();
        QTRY_COMPARE(wanted.size(), 1);
        QCOMPARE(wanted[0][0].toString(), QString("/models/a b"));
        QTRY_COMPARE(int(taken), 1);
        second->wait();
        QVERIFY(!FirstInstance::hand_over(folder_.filePath("other.ini"), {})); // other settings, another window
    }

    void the_machine_stays_awake_while_jobs_run() {
        // A program of that name which does what the real one does with its arguments: runs the command behind them.
        const QString program = folder_.filePath("systemd-inhibit");
        QFile script(program);
        QVERIFY(script.open(QIODevice::WriteOnly));
        script.write(
            "#!/bin/sh\nfor word in \"$@\"; do case $word in --what*|--who*|--why*) shift;; esac; done\nexec \"$@\"\n");
        script.close();
        script.setPermissions(QFile::ReadOwner | QFile::WriteOwner | QFile::ExeOwner);
        const QByteArray path = qgetenv("PATH");
        qputenv("PATH", folder_.path().toUtf8() + ':' + path);
        SleepInhibitor awake;
        awake.set(true);
        QTRY_VERIFY(awake.active());
        QTest::qWait(300);
        QVERIFY(awake.active()); // it holds on
        awake.set(false);
        QVERIFY(!awake.active());
        qputenv("PATH", folder_.path().toUtf8()); // a machine without it
        QFile::remove(program);
        awake.set(true);
        QVERIFY(!awake.active());
        qputenv("PATH", path);
    }
};

GRATICULE_TEST(WindowReachTest);
#include "tst_window_reach.moc"
