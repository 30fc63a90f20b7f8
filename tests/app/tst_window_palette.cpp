// The palette: whatever somebody calls a thing, it is found, with a line that says what it is.
#include <QtCore/QPointer>
#include <QtCore/QTemporaryDir>
#include <QtGui/QAction>
#include <QtTest/QTest>
#include <QtWidgets/QDockWidget>
#include <QtWidgets/QLineEdit>
#include <QtWidgets/QListWidget>
#include <functional>

#include "app/window/plot_area.h"
#include "app/window/search_words.h"
#include "core/recipe/presets.h"
#include "tests/app/shown_window.h"
#include "tests/support/test_main.h"
#include "widgets/panels/command_palette.h"

using namespace graticule;

class WindowPaletteTest : public QObject {
    Q_OBJECT

    QTemporaryDir folder_;
    testing::ShownWindow shown_;

private Q_SLOTS:
    void initTestCase() {
        shown_ = testing::show_window(folder_.filePath("settings.ini"));
        shown_.window->openPath("sample-opt");
        QTRY_VERIFY_WITH_TIMEOUT(shown_.window->session().model() != nullptr, 30'000);
    }
    void cleanupTestCase() { shown_ = {}; }

    void what_is_meant_is_found_data() {
        QTest::addColumn<QStringList>("expected"); // each begins a title
        const auto row = [](const char* query, const QStringList& expected) { QTest::newRow(query) << expected; };
        row("awq", {"Method AWQ", "Preset awq-w4-g128"});
        row("gptq", {"Method GPTQ", "Preset gptq-w4-g128"});
        row("dgq", {"Method DGQ", "Preset dgq-a8w4-dynamic"});
        row("aqas", {"Method AQAS", "Preset aqas-w4a8"});
        row("slac", {"Preset aqas-slac-dint-w4a8", "Plot: Sequence length", "GPTQ: Calibration length"});
        row("smoothquant", {"Method SmoothQuant", "Preset smoothquant-w8a8"});
        row("percentile", {"Method Percentile clipping"});
        row("clip", {"Method Clip search"});
        row("hadamard", {"Method Hadamard rotation"});
        row("perplexity", {"Plot: Perplexity", "Evaluate"});
        row("baseline", {"Run all"});
        row("theme", {"Theme: Dark", "Theme: Light"});
        row("scale", {"Text size"});
        row("export", {"Save session", "Save plot", "Export"}); // the last of them not now
        row("? sqnr", {"output SQNR, dB", "basis"});
        row("grain group 64", {"grain: group of 64"});
        row("dint4", {"weights: dINT4"});
        row("report", {"Write problem report", "Write report"});
    }
    void what_is_meant_is_found() {
        QFETCH(QStringList, expected);
        shown_.window->command("view.palette")->trigger();
        auto* palette = shown_.window->findChild<CommandPalette*>();
        QVERIFY(palette);
        palette->findChild<QLineEdit*>()->setText(QString::fromLatin1(QTest::currentDataTag()));
        const auto* list = palette->findChild<QListWidget*>();
        QStringList first;
        for (int at = 0; at < list->count(); ++at) {
            const QListWidgetItem& item = *list->item(at);
            first << item.text();
            const QString said = item.data(Qt::AccessibleDescriptionRole).toString();
            QVERIFY2(!said.isEmpty() && !said.contains(u'\n'), qPrintable(item.text() + ": " + said));
            QVERIFY(!said.startsWith("The same"));
        }
        for (const QString& title : expected)
            QVERIFY2(std::any_of(first.begin(), first.end(), [&](const QString& of) { return of.startsWith(title); }),
                     qPrintable(title + " is not among: " + first.join("; ")));
        palette->close();
        QTRY_VERIFY(!shown_.window->findChild<CommandPalette*>());
    }

    /// What choosing an entry does stands at its right; the panel that shows it comes into sight.
    void settings_say_what_they_choose() {
        MainWindow& window = *shown_.window;
        Session& session = window.session();
        const auto find = [&](const QString& title,
                              const std::function<void(CommandPalette&, QListWidgetItem&)>& then) {
            window.command("view.palette")->trigger();
            const QPointer<CommandPalette> palette(window.findChild<CommandPalette*>());
            QVERIFY(palette);
            palette->findChild<QLineEdit*>()->setText(title);
            auto* list = palette->findChild<QListWidget*>();
            for (int at = 0; at < list->count(); ++at)
                if (list->item(at)->text() == title) {
                    list->setCurrentRow(at);
                    then(*palette, *list->item(at));
                    if (palette) palette->close();
                    QTRY_VERIFY(!window.findChild<CommandPalette*>());
                    return;
                }
            QFAIL(qPrintable(title + " is not found"));
        };
        const auto effect = [](const QListWidgetItem& item) { return item.data(Qt::UserRole + 1).toString(); };
        const QString setting = "GPTQ: Calibration length";
        session.select({});
        find(setting, [&](CommandPalette&, const QListWidgetItem& item) {
            QCOMPARE(effect(item), "nothing is selected");
            QVERIFY((item.flags() & Qt::ItemIsEnabled) == 0);
        });
        session.select({session.model()->linears().front().id});
        auto* dock = window.findChild<QDockWidget*>("recipe");
        dock->hide();
        find(setting, [&](CommandPalette& palette, const QListWidgetItem& item) {
            QCOMPARE(effect(item), "chooses GPTQ");
            QTest::keyClick(palette.findChild<QLineEdit*>(), Qt::Key_Return);
        });
        const auto line = [&] {
            return QString::fromStdString(
                to_line(session.choiceFor(session.selection().front(), session.recipeRules())));
        };
        QTRY_VERIFY2(line().contains("gptq"), qPrintable(line()));
        QTRY_VERIFY(dock->isVisible());
        QTRY_VERIFY(window.focusWidget() && window.focusWidget()->accessibleName() == "Calibration length");
        find(setting,
             [&](CommandPalette&, const QListWidgetItem& item) { QCOMPARE(effect(item), "for the selection"); });
        session.undo();
    }

    void every_tab_and_panel_says_what_it_is() {
        const MainWindow& window = *shown_.window;
        const auto* plots = window.findChild<PlotArea*>();
        for (int tab = 0; tab < plots->count(); ++tab) {
            const QAction* command = window.command(QStringLiteral("view.tab%1").arg(tab + 1));
            QVERIFY(command && command->text() == plots->tabName(tab));
            QVERIFY2(!search_words(*command).about.isEmpty(), qPrintable(command->text()));
            QVERIFY2(!search_words(*command).words.isEmpty(), qPrintable(command->text()));
        }
        QCOMPARE(search_words(*window.command("view.tab7")).words, "baseline difference"); // Compare
        for (const char* name : {"view.layers", "view.recipe", "view.runs", "view.jobs"})
            QVERIFY2(search_words(*window.command(QLatin1String(name))).words.startsWith("dock panel"), name);
    }

    void no_preset_says_what_it_is_by_another() {
        for (const Preset& preset : all_presets()) QVERIFY(!preset.help.starts_with("The same"));
    }
};

GRATICULE_TEST(WindowPaletteTest);
#include "tst_window_palette.moc"
