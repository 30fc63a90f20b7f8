// Keys that somebody chose hold from one start to the next, and never mean two things.
#include <QtCore/QSettings>
#include <QtCore/QTemporaryDir>
#include <QtGui/QAction>
#include <QtTest/QTest>
#include <QtWidgets/QPushButton>
#include <QtWidgets/QTableWidget>

#include "app/window/main_window.h"
#include "tests/support/test_main.h"
#include "widgets/panels/shortcuts_dialog.h"

using namespace graticule;

class WindowShortcutsTest : public QObject {
    Q_OBJECT

    QTemporaryDir folder_;

    static QString keys(const MainWindow& window, const char* name) {
        return QKeySequence::listToString(window.command(name)->shortcuts(), QKeySequence::PortableText);
    }
    /// Gives a command a key in the dialog, as its table does.
    static bool assign(MainWindow& window, const QString& text, const QKeySequence& keys) {
        window.command("help.shortcuts")->trigger();
        auto* dialog = window.findChild<ShortcutsDialog*>();
        const QList<QTableWidgetItem*> found = dialog->table()->findItems(text, Qt::MatchStartsWith);
        const bool taken = found.size() == 1 && dialog->assign(found.front()->row(), keys);
        delete dialog;
        return taken;
    }

    static bool has_button(const MainWindow& window, const QString& text) {
        for (const QPushButton* button : window.findChildren<QPushButton*>())
            if (button->text() == text) return true;
        return false;
    }

    /// In a narrow one only the tip has the keys.
    static void show(MainWindow& window, int width) {
        window.resize(width, 1000);
        window.show();
    }

private Q_SLOTS:
    void a_chosen_key_is_there_at_the_next_start_and_goes_with_the_reset() {
        QSettings settings(folder_.filePath("keys.ini"), QSettings::IniFormat);
        {
            MainWindow window(settings, theme::Mode::dark);
            show(window, 1600);
            QCOMPARE(keys(window, "run.quantize"), QString("F6"));
            QVERIFY(!assign(window, "Quantize", QKeySequence("F7"))); // evaluates
            QVERIFY(has_button(window, "Search   Ctrl K"));
            QVERIFY(assign(window, "Quantize", QKeySequence("Ctrl+Alt+Q")));
            QVERIFY(assign(window, "Search everything", QKeySequence("F6")));
            QCOMPARE(keys(window, "run.quantize"), QString("Ctrl+Alt+Q"));
            for (const char* fixed : {"Ctrl+C", "Del", "L", "Home", "+", "Left"}) // of tables, jobs and plots
                QVERIFY2(!assign(window, "Calibrate", QKeySequence(fixed)), fixed);
            QCOMPARE(keys(window, "run.calibrate"), QString("F5"));
            QVERIFY(has_button(window, "Search   F6"));
            bool told = false;
            for (const QPushButton* button : window.findChildren<QPushButton*>())
                told = told || button->toolTip().contains("Ctrl+Alt+Q");
            QVERIFY(told);
        }
        MainWindow window(settings, theme::Mode::dark);
        show(window, 1600);
        QCOMPARE(keys(window, "run.quantize"), QString("Ctrl+Alt+Q"));
        QCOMPARE(keys(window, "view.palette"), QString("F6"));
        QVERIFY(has_button(window, "Search   F6"));
        show(window, 1100);
        QVERIFY(has_button(window, "Search"));
        window.command("help.shortcuts")->trigger();
        window.findChild<ShortcutsDialog*>()->resetAll();
        QCOMPARE(keys(window, "run.quantize"), QString("F6"));
        QCOMPARE(keys(window, "view.palette"), QString("Ctrl+K; Ctrl+Shift+P"));
        settings.beginGroup("shortcuts");
        QVERIFY(settings.childKeys().isEmpty());
    }

    void settings_that_clash_do_not_make_a_key_ambiguous() {
        QSettings settings(folder_.filePath("clash.ini"), QSettings::IniFormat);
        settings.setValue("shortcuts/run.quantize", "F7"); // which evaluates, as delivered
        settings.setValue("shortcuts/run.calibrate", "Ctrl+J");
        settings.setValue("shortcuts/file.quit", "Ctrl+J");
        settings.setValue("shortcuts/view.palette", "Home"); // which a plot takes
        settings.setValue("shortcuts/no.such.command", "F2");
        const MainWindow window(settings, theme::Mode::dark);
        QCOMPARE(keys(window, "run.quantize"), QString("F6"));
        QCOMPARE(keys(window, "run.evaluate"), QString("F7"));
        QCOMPARE(keys(window, "view.palette"), QString("Ctrl+K; Ctrl+Shift+P"));
        QHash<QString, int> used;
        for (const QAction* action : window.findChildren<QAction*>())
            for (const QKeySequence& key : action->shortcuts())
                if (action->objectName().contains(u'.')) ++used[key.toString()];
        for (auto it = used.begin(); it != used.end(); ++it) QVERIFY2(it.value() == 1, qPrintable(it.key()));
    }
};

GRATICULE_TEST(WindowShortcutsTest);
#include "tst_window_shortcuts.moc"
