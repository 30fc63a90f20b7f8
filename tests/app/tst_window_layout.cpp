// The window at the sizes it is used at: nothing that matters is cut off, whatever is open.
#include <QtCore/QFileInfo>
#include <QtCore/QScopeGuard>
#include <QtCore/QSettings>
#include <QtCore/QTemporaryDir>
#include <QtGui/QScreen>
#include <QtTest/QTest>
#include <QtWidgets/QComboBox>
#include <QtWidgets/QDockWidget>
#include <QtWidgets/QHeaderView>
#include <QtWidgets/QLayout>
#include <QtWidgets/QMenuBar>
#include <QtWidgets/QSpinBox>
#include <QtWidgets/QStyleOption>
#include <QtWidgets/QTabBar>
#include <QtWidgets/QTableView>
#include <algorithm>
#include <set>

#include "app/window/catalogue.h"
#include "app/window/main_window.h"
#include "app/window/table_rows.h"
#include "core/recipe/recipe.h"
#include "tests/support/test_main.h"
#include "widgets/forms/param_form.h"
#include "widgets/models/layer_table_model.h"
#include "widgets/models/run_table_model.h"
#include "widgets/panels/elided_label.h"
#include "widgets/panels/layers_panel.h"
#include "widgets/panels/recipe_panel.h"
#include "widgets/panels/runs_panel.h"

using namespace graticule;

class WindowLayoutTest : public QObject {
    Q_OBJECT

    QTemporaryDir folder_;
    QString sheet_;

private Q_SLOTS:
    void initTestCase() {
        sheet_ = qApp->styleSheet();
        theme::apply(*qApp, theme::Mode::dark); // paddings and fonts are half of a layout
    }
    void cleanupTestCase() { qApp->setStyleSheet(sheet_); }

    void the_window_stays_as_large_as_it_must_be() {
        QSettings settings(folder_.filePath("small.ini"), QSettings::IniFormat);
        MainWindow window(settings, theme::Mode::dark);
        window.show();
        window.resize(300, 200);
        const QSize least = QSize(1100, 700).boundedTo(window.screen()->availableSize());
        QVERIFY(window.width() >= least.width() && window.height() >= least.height());
    }

    void everything_stands_at_this_size_data() {
        QTest::addColumn<QSize>("size");
        QTest::newRow("smallest sensible") << QSize(1100, 700);
        QTest::newRow("laptop") << QSize(1440, 900);
        QTest::newRow("first start") << QSize(1600, 1000);
        QTest::newRow("just wide enough for all tabs") << QSize(1900, 1000);
    }
    void everything_stands_at_this_size() {
        QFETCH(QSize, size);
        QSettings settings(folder_.filePath(QStringLiteral("%1.ini").arg(size.width())), QSettings::IniFormat);
        MainWindow window(settings, theme::Mode::dark);
        window.setAsking(false);
        window.resize(size);
        window.resetLayout();
        window.show();
        window.openPath("sample-opt");
        QTRY_VERIFY_WITH_TIMEOUT(window.session().model() != nullptr, 30'000);
        QTRY_COMPARE(window.layers().table()->model()->rowCount(), 48);
        QCOMPARE(window.size(), size); // nothing inside needs more
        // Columns down to the SQNR, which the table is sorted by after a calibration.
        const QTableView& table = *window.layers().table();
        const QHeaderView* columns = table.horizontalHeader();
        QTRY_VERIFY(columns->sectionViewportPosition(LayerTableModel::Sqnr) +
                        columns->sectionSize(LayerTableModel::Sqnr) <=
                    table.viewport()->width());
        // The plots have the largest share; every tab can be chosen without scrolling.
        QVERIFY2(window.plots().width() >= size.width() * 2 / 5, qPrintable(QString::number(window.plots().width())));
        QVERIFY(window.plots().height() > size.height() / 2);
        const auto* tabs = window.plots().findChild<QTabBar*>();
        int last_edge = 0; // of those in sight: the others are in the menu beside them
        for (int tab = 0; tab < tabs->count(); ++tab)
            if (tabs->isTabVisible(tab)) last_edge = std::max(last_edge, tabs->tabRect(tab).right());
        QVERIFY(last_edge > 0);
        QVERIFY2(last_edge < tabs->width(), qPrintable(QStringLiteral("%1 of %2").arg(last_edge).arg(tabs->width())));
        for (int tab = 0; tab < tabs->count(); ++tab) QVERIFY(tabs->tabRect(tab).left() >= 0);
        // The model's name, whole; the recipe's fields; the runs' numbers.
        bool named = false;
        for (const ElidedLabel* label : window.findChildren<ElidedLabel*>())
            named = named || label->shownText().startsWith("sample-opt");
        QVERIFY(named);
        const int strip = window.menuWidget()->layout()->minimumSize().width();
        QVERIFY2(strip <= size.width(), qPrintable(QString::number(strip))); // nothing in it covers its neighbour
        QVERIFY(window.recipePanel().width() >= 262);
        QVERIFY(window.runs().table()->horizontalHeader()->length() <= window.runs().table()->viewport()->width());
        QVERIFY(window.runs().table()->viewport()->height() >= 60); // two runs at least
    }

    void panels_follow_the_size_of_the_window() {
        QSettings settings(folder_.filePath("follow.ini"), QSettings::IniFormat);
        MainWindow window(settings, theme::Mode::dark);
        window.setAsking(false);
        window.resize(1600, 1000);
        window.resetLayout();
        window.show();
        const auto widths = [&] {
            QCoreApplication::processEvents();
            std::vector<int> all;
            for (const char* name : {"layers", "recipe", "runs", "jobs"})
                all.push_back(window.findChild<QDockWidget*>(name)->width());
            return all;
        };
        const std::vector<int> fresh = widths();
        window.resize(1100, 700);
        window.openPath("sample-opt");
        QTRY_VERIFY_WITH_TIMEOUT(window.session().model() != nullptr, 30'000);
        QTRY_COMPARE(window.layers().table()->model()->rowCount(), 48);
        QVERIFY(widths()[0] < fresh[0]);
        // The scheme is in sight in the smallest window, whatever else goes.
        const QTableView& table = *window.layers().table();
        QTRY_VERIFY(table.columnViewportPosition(LayerTableModel::Scheme) +
                        table.columnWidth(LayerTableModel::Scheme) <=
                    table.viewport()->width());
        QVERIFY(!table.isColumnHidden(LayerTableModel::Sqnr));
        window.layers().setFilterText("fc2"); // known again where the session's view has been restored
        window.saveSession(folder_.filePath("small.graticule"));
        QTRY_VERIFY(QFileInfo::exists(folder_.filePath("small.graticule")));
        window.layers().setFilterText({});
        window.resize(1600, 1000);
        QCOMPARE(widths(), fresh);
        // So does a session of a small window that is opened in a large one.
        const auto open_large = [&](MainWindow& larger) {
            larger.setAsking(false);
            larger.show();
            larger.giveSize({1600, 1000});
            larger.openPath(folder_.filePath("small.graticule"));
            QTRY_VERIFY_WITH_TIMEOUT(larger.session().model() != nullptr, 30'000);
            QTRY_COMPARE(larger.layers().filterText(), QString("fc2"));
            QVERIFY(larger.size() != QSize(1100, 700));
        };
        const auto sizes = [](const MainWindow& larger) {
            std::vector<QSize> all;
            for (const char* name : {"layers", "recipe", "runs", "jobs"})
                all.push_back(larger.findChild<QDockWidget*>(name)->size());
            return all;
        };
        std::vector<QSize> usual; // at that size
        {
            QSettings others(folder_.filePath("reset.ini"), QSettings::IniFormat);
            MainWindow larger(others, theme::Mode::dark);
            open_large(larger);
            if (QTest::currentTestFailed()) return;
            larger.resetLayout();
            QCoreApplication::processEvents();
            usual = sizes(larger);
        }
        QSettings others(folder_.filePath("larger.ini"), QSettings::IniFormat);
        MainWindow larger(others, theme::Mode::dark);
        open_large(larger);
        if (QTest::currentTestFailed()) return;
        QTRY_COMPARE(sizes(larger), usual); // the panels get their places a little later
    }

    // Simulated drags move no border here, so the settings say where they were drawn.
    void borders_that_were_drawn_come_back_with_the_size() {
        QSettings settings(folder_.filePath("drawn.ini"), QSettings::IniFormat);
        constexpr int drawn = 420;
        settings.setValue("window/drawn-borders", QVariantList{1600, 1000, drawn, 700, 300, 700, 1000, 200, 600, 200});
        MainWindow window(settings, theme::Mode::dark);
        window.setAsking(false);
        window.show();
        const auto layers_at = [&](const QSize& size) {
            window.resize(size);
            QCoreApplication::processEvents();
            return window.findChild<QDockWidget*>("layers")->width();
        };
        QVERIFY(layers_at({2000, 1200}) != drawn);
        QCOMPARE(layers_at({1600, 1000}), drawn);
        QVERIFY(layers_at({1100, 700}) < drawn);
        QCOMPARE(layers_at({1650, 1000}), drawn); // about that size
        QVERIFY(layers_at({2000, 1200}) != drawn);
        window.resetLayout();
        QVERIFY(layers_at({1600, 1000}) != drawn);
    }

    void no_value_of_a_setting_is_cut_data() {
        QTest::addColumn<int>("width");
        QTest::newRow("window of 1600") << 303;
        QTest::newRow("window of 1100") << 262;
    }
    void no_value_of_a_setting_is_cut() {
        QFETCH(int, width);
        RecipePanel panel;
        panel.editor()->setMethods(method_entries());
        panel.resize(width, 900);
        panel.show();
        int choices = 0, lengths = 0;
        for (const MethodEntry& method : method_entries()) {
            const SchemeChoice choice =
                parse_scheme_line("w=int4/asym/g128 a=int8/sym/token " + method.name.toStdString());
            panel.editor()->setChoices({choice}, {choice}, {256});
            for (int layout = 0; layout < 2; ++layout) QCoreApplication::processEvents();
            for (const ParamForm* form : panel.findChildren<ParamForm*>()) {
                if (!form->isVisibleTo(&panel)) continue;
                for (const QComboBox* box : form->findChildren<QComboBox*>()) {
                    QStyleOptionComboBox option;
                    option.initFrom(box);
                    const int room =
                        box->style()
                            ->subControlRect(QStyle::CC_ComboBox, &option, QStyle::SC_ComboBoxEditField, box)
                            .width();
                    for (int item = 0; item < box->count(); ++item)
                        QVERIFY2(room >= box->fontMetrics().horizontalAdvance(box->itemText(item)),
                                 qPrintable(method.name + ": " + box->itemText(item)));
                    QVERIFY(box->mapTo(&panel, QPoint(box->width(), 0)).x() <= panel.width());
                    ++choices;
                }
                for (const QSpinBox* box : form->findChildren<QSpinBox*>()) {
                    if (box->accessibleName() != "Calibration length") continue;
                    QCOMPARE(box->text(), QString("as calibrated"));
                    QVERIFY(box->toolTip().contains("default: as calibrated"));
                    QVERIFY2(box->width() >= box->minimumSizeHint().width(), qPrintable(method.name));
                    ++lengths;
                }
            }
        }
        QVERIFY(choices >= 8 && lengths >= 4);
    }

    void labels_in_few_words_keep_grain_methods_and_what_differs() {
        const auto labels = [](const std::vector<std::string>& lines) {
            std::vector<SchemeChoice> choices;
            for (const std::string& line : lines) choices.push_back(parse_scheme_line(line));
            return scheme_labels(choices);
        };
        const std::string int4 = "w=int4/asym/channel a=int8/sym/token";
        QCOMPARE(labels({int4 + " smoothquant:alpha=0.5 gptq", int4 + " gptq"}),
                 (std::vector<QStringList>{
                     {"INT4 channel / A8 · smoothquant · gptq", "INT4 ch / A8 · SQ+gptq", "INT4 ch · SQ+gptq"},
                     {"INT4 channel / A8 · gptq", "INT4 ch / A8 · gptq", "INT4 ch · gptq"}}));
        const auto last = [&](const std::vector<std::string>& lines) {
            QStringList all;
            for (const QStringList& texts : labels(lines)) all << texts.back();
            return all;
        };
        QCOMPARE(last({"w=int4/asym/g128 a=int8/sym/token", "w=int4/asym/g128"}),
                 (QStringList{"INT4 g128 / A8", "INT4 g128"}));
        QCOMPARE(last({int4 + " gptq", int4 + " gptq:block=64", "none"}),
                 (QStringList{"INT4 ch · gptq", "INT4 ch · gptq:block=64", "full precision"}));
        QCOMPARE(last({"w=int4/asym/channel", "w=int4/sym/channel"}), (QStringList{"INT4 asym ch", "INT4 sym ch"}));
        const std::string fixed = "w=int4/asym/channel a=int8/sym/tensor/static";
        QCOMPARE(last({fixed + " dgq"}), (QStringList{"INT4 ch / A8 static · dgq"})); // whatever stands beside it
        QCOMPARE(last({int4 + " dgq"}), (QStringList{"INT4 ch · dgq"}));
        QCOMPARE(last({"w=nvfp4 a=nvfp4", "w=nvfp4 a=nvfp4 awq"}), (QStringList{"NVFP4", "NVFP4 · awq"}));
    }

    /// In the smallest window as well, though figures of the inputs go for them.
    void schemes_are_whole_or_said_in_fewer_words() {
        std::vector<LayerRow> rows(2);
        for (std::size_t i = 0; i < rows.size(); ++i) {
            LayerRow& row = rows[i];
            row.id = LayerId{static_cast<std::int32_t>(i)};
            row.leaf = row.name = "out_proj";
            row.absmax = 13.2;
            row.outlier_ratio = 14.9;
            row.underflow_percent = 36.8;
            row.sqnr_db = 20.2;
            row.estimated = true;
        }
        rows[0].schemes = QStringList{"INT4 channel / A8 · gptq", "INT4 ch / A8 · gptq", "INT4 ch · gptq"};
        rows[1].schemes =
            QStringList{"INT4 channel / A8 · smoothquant · gptq", "INT4 ch / A8 · SQ+gptq", "INT4 ch · SQ+gptq"};
        rows[1].edited = true; // in bolder letters
        LayersPanel panel;
        panel.setRows(rows);
        panel.show();
        const QFontMetrics bold(theme::ui_font(12, QFont::DemiBold));
        const QTableView& table = *panel.table();
        std::set<qsizetype> forms;
        for (const int width : {340, 362, 420, 480, 700}) {
            panel.resize(width, 300);
            QCoreApplication::processEvents();
            const auto shown = [&](int row) {
                return table.model()->index(row, LayerTableModel::Scheme).data(LayerTableModel::ShownRole).toString();
            };
            const qsizetype form = rows[1].schemes.indexOf(shown(1));
            QVERIFY2(form >= 0, qPrintable(shown(1)));
            QCOMPARE(shown(0), rows[0].schemes[form]); // what one does not say is said of none
            forms.insert(form);
            QVERIFY(!table.isColumnHidden(LayerTableModel::Sqnr));
            const int room = table.columnWidth(LayerTableModel::Scheme);
            QVERIFY2(room >= bold.horizontalAdvance(shown(1)) + 12, qPrintable(shown(1)));
            QVERIFY(table.columnViewportPosition(LayerTableModel::Scheme) + room <= table.viewport()->width());
        }
        QVERIFY(forms.contains(0) && forms.contains(2)); // whole, and the fewest words
    }

    void runs_of_several_protocols_say_theirs_at_every_width() {
        RunsPanel runs;
        RunRow all, some;
        all.id = 1;
        all.name = some.name = "full precision";
        all.group = "built-in text, all × 512";
        all.perplexity = 34.21;
        some.id = 2;
        some.group = "built-in text, 8 × 512";
        some.perplexity = 33.69;
        runs.setRows({all, some});
        runs.show();
        for (const int width : {560, 770, 1100}) {
            runs.resize(width, 200);
            QCoreApplication::processEvents();
            const QTableView& table = *runs.table();
            for (const int column : {RunTableModel::Recipe, RunTableModel::Protocol, RunTableModel::Perplexity}) {
                QVERIFY(!table.isColumnHidden(column));
                QVERIFY2(table.columnViewportPosition(column) + table.columnWidth(column) <= table.viewport()->width(),
                         qPrintable(QStringLiteral("column %1 at %2").arg(column).arg(width)));
            }
        }
    }

    /// The small curve and the words of the protocol give way, not an interval, and not what tells a name.
    void large_figures_keep_their_intervals_data() {
        QTest::addColumn<int>("width");
        QTest::addColumn<bool>("curve");
        QTest::addColumn<bool>("all_figures"); // size and percent follow from others
        QTest::newRow("window of 1100") << 770 << false << false;
        QTest::newRow("between") << 900 << false << true;
        QTest::newRow("window of 1600") << 1120 << true << true;
        QTest::newRow("large") << 1700 << true << true;
    }
    void large_figures_keep_their_intervals() {
        QFETCH(int, width);
        RunRow full, low, rules;
        full.id = 1;
        full.name = "full precision";
        full.group = "built-in text, all × 512";
        full.perplexity = 34.21;
        full.standard_error = 1.07;
        low = full;
        low.id = 2;
        low.name = "w=int2/asym/channel a=int8/sym/token";
        low.perplexity = 2111.1;
        low.standard_error = 99.64;
        low.difference = 2076.88;
        low.difference_low = 1917.01;
        low.difference_high = 2249.85;
        low.percent = 6070.4;
        rules = low;
        rules.id = 3;
        rules.name = "w=int6/asym/channel a=int8/sym/token smoothquant · on vm";
        rules.group = "built-in text, 8 × 512";
        rules.state = JobState::cancelled;
        rules.stopped_at = 8;
        rules.windows = 24;
        RunsPanel runs;
        runs.resize(width, 200);
        runs.show();
        runs.setRows({full, low, rules});
        QCoreApplication::processEvents();
        const QTableView& table = *runs.table();
        QCOMPARE(table.horizontalHeader()->length(), table.viewport()->width());
        QTEST(!table.isColumnHidden(RunTableModel::Curve), "curve");
        QTEST(!table.isColumnHidden(RunTableModel::Size) && !table.isColumnHidden(RunTableModel::Percent),
              "all_figures");
        const QFontMetrics usual(theme::ui_font(12)), bold(theme::ui_font(12, QFont::DemiBold));
        const auto holds = [&](int column, const QFontMetrics& metrics, const QString& text) {
            return table.columnWidth(column) >= metrics.horizontalAdvance(text) + 12;
        };
        for (const int column : {RunTableModel::Difference, RunTableModel::StateColumn, RunTableModel::Bits}) {
            const QString text = table.model()->index(2, column).data().toString();
            QVERIFY2(holds(column, usual, text), qPrintable(text));
        }
        QVERIFY(holds(RunTableModel::Perplexity, bold, "2,111.10 ± 99.64"));
        QVERIFY(holds(RunTableModel::Protocol, usual, "…, all × 512"));
        QVERIFY(holds(RunTableModel::Recipe, usual, "w=int6/… smoothquant · on vm"));
        if (width == 1700) QVERIFY(holds(RunTableModel::Recipe, usual, rules.name));
    }

    void texts_of_another_size_have_their_room() {
        QSettings settings(folder_.filePath("texts.ini"), QSettings::IniFormat);
        MainWindow window(settings, theme::Mode::dark);
        window.setAsking(false);
        window.resize(1600, 1000);
        window.resetLayout();
        window.show();
        window.openPath("sample-opt");
        QTRY_VERIFY_WITH_TIMEOUT(window.session().model() != nullptr, 30'000);
        const auto grown = qScopeGuard([&] { window.setTextScale(1); }); // of the program too, for the next tests
        window.setTextScale(1.5);                                        // while it is open
        QCoreApplication::processEvents();
        const auto* menus = window.findChild<QMenuBar*>();
        QVERIFY(menus->width() >= menus->sizeHint().width() && menus->height() >= menus->sizeHint().height());
        QTRY_VERIFY(window.recipePanel().width() >= theme::scaled(260));
        for (const QAction* menu : menus->actions())
            QVERIFY(!menus->actionGeometry(const_cast<QAction*>(menu)).isEmpty());
        const auto* tabs = window.plots().findChild<QTabBar*>();
        for (int tab = 0; tab < tabs->count(); ++tab)
            if (tabs->isTabVisible(tab)) QVERIFY(tabs->tabRect(tab).right() <= window.plots().width());
        const QFontMetrics metrics(theme::ui_font(12, QFont::DemiBold));
        const QHeaderView* runs = window.runs().table()->horizontalHeader();
        QVERIFY(runs->sectionSize(RunTableModel::Perplexity) >= metrics.horizontalAdvance("33.69 ± 1.70") + 12);
        QVERIFY(runs->sectionSize(RunTableModel::Difference) >=
                metrics.horizontalAdvance("+5.53  [+4.64, +6.45]") + 12);
        QVERIFY(runs->sectionSize(RunTableModel::Size) >= metrics.horizontalAdvance("16.3 MB") + 12);
        LayersPanel wide; // of the same program, with room for all columns
        LayerRow row;
        row.name = row.leaf = "out_proj";
        row.absmax = 13.2;
        row.outlier_ratio = 14.9;
        row.underflow_percent = 36.8;
        row.sqnr_db = 20.2;
        row.schemes = QStringList{"INT4 channel / A8"};
        wide.setRows({row});
        wide.resize(theme::scaled(700), 300);
        wide.show();
        QCoreApplication::processEvents();
        const QFontMetrics heading(theme::ui_font(12));
        for (const int column :
             {LayerTableModel::AbsMax, LayerTableModel::Outlier, LayerTableModel::Underflow, LayerTableModel::Sqnr}) {
            const QString text = wide.table()->model()->headerData(column, Qt::Horizontal).toString();
            QVERIFY2(!wide.table()->isColumnHidden(column), qPrintable(text));
            QVERIFY2(wide.table()->columnWidth(column) >= heading.horizontalAdvance(text) + 12, qPrintable(text));
        }
        const QHeaderView* layers = window.layers().table()->horizontalHeader();
        QVERIFY(!layers->isSectionHidden(LayerTableModel::Sqnr) && !layers->isSectionHidden(LayerTableModel::Scheme));
    }

    void a_layout_that_somebody_made_comes_back_and_can_be_reset() {
        const QString file = folder_.filePath("layout.ini");
        const auto dock = [](MainWindow& window, const char* name) { return window.findChild<QDockWidget*>(name); };
        {
            QSettings settings(file, QSettings::IniFormat);
            MainWindow window(settings, theme::Mode::dark);
            window.show();
            QCOMPARE(window.dockWidgetArea(dock(window, "recipe")), Qt::RightDockWidgetArea);
            window.addDockWidget(Qt::LeftDockWidgetArea, dock(window, "recipe")); // as dragging it does
            dock(window, "runs")->setFloating(true);
            window.command("view.jobs")->trigger();
            QVERIFY(!dock(window, "jobs")->isVisible());
            window.close();
        }
        QSettings settings(file, QSettings::IniFormat);
        MainWindow window(settings, theme::Mode::dark);
        window.show();
        QCOMPARE(window.dockWidgetArea(dock(window, "recipe")), Qt::LeftDockWidgetArea);
        QVERIFY(dock(window, "runs")->isFloating());
        QVERIFY(!dock(window, "jobs")->isVisible());
        window.command("view.reset")->trigger();
        QCOMPARE(window.dockWidgetArea(dock(window, "recipe")), Qt::RightDockWidgetArea);
        QVERIFY(!dock(window, "runs")->isFloating());
        for (const char* name : {"layers", "recipe", "runs", "jobs"}) QVERIFY(dock(window, name)->isVisible());
        QVERIFY(dock(window, "layers")->x() < dock(window, "recipe")->x());
        QVERIFY(dock(window, "runs")->x() < dock(window, "jobs")->x());
        QVERIFY(dock(window, "runs")->y() > dock(window, "layers")->y());
    }
};

GRATICULE_TEST(WindowLayoutTest);
#include "tst_window_layout.moc"
