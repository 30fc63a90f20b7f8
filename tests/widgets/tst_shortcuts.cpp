// The table of keys: a key means one thing, what is pressed in a cell is what the command gets.
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>
#include <QtWidgets/QKeySequenceEdit>
#include <QtWidgets/QTableWidget>

#include "tests/support/test_main.h"
#include "widgets/panels/shortcuts_dialog.h"

using namespace graticule;

class ShortcutsTest : public QObject {
    Q_OBJECT

    static std::vector<ShortcutRow> rows() {
        const QList<QKeySequence> f7{QKeySequence("F7")}, search{QKeySequence("Ctrl+K"), QKeySequence("Ctrl+Shift+P")};
        return {
            {"run.evaluate", "Evaluate", f7, f7}, {"view.palette", "Search", search, search}, {"x", "Nothing", {}, {}}};
    }

private Q_SLOTS:
    void a_key_of_another_command_is_refused_by_name() {
        ShortcutsDialog dialog(rows(), {}, nullptr);
        QSignalSpy changed(&dialog, &ShortcutsDialog::changed);
        QVERIFY(!dialog.assign(0, QKeySequence("Ctrl+Shift+P"))); // also a second key
        QVERIFY2(dialog.problem().contains("Search") && dialog.problem().contains("Ctrl+Shift+P"),
                 qPrintable(dialog.problem()));
        QCOMPARE(dialog.table()->item(0, 1)->text(), QString("F7"));
        QCOMPARE(changed.size(), 0);
        QVERIFY(dialog.assign(0, QKeySequence("F8")));
        QVERIFY(dialog.problem().isEmpty());
        QVERIFY(dialog.assign(2, QKeySequence("F7"))); // free by now
        QCOMPARE(changed.size(), 2);
        QCOMPARE(changed[1][0].toString(), QString("x"));
        QVERIFY(dialog.assign(1, {})); // none at all
        QCOMPARE(dialog.table()->item(1, 1)->text(), QString());
        dialog.resetAll();
        QCOMPARE(changed.size(), 6);
        QCOMPARE(dialog.table()->item(0, 1)->text(), QString("F7"));
        QCOMPARE(dialog.table()->item(1, 1)->text(), QString("Ctrl+K; Ctrl+Shift+P"));
        QCOMPARE(dialog.table()->item(2, 1)->text(), QString());
    }

    void a_fixed_key_is_refused_with_what_it_does() {
        ShortcutsDialog dialog(rows(), {{"Plot: all of it", "double click", {QKeySequence("Home"), QKeySequence("0")}}},
                               nullptr);
        QSignalSpy changed(&dialog, &ShortcutsDialog::changed);
        QVERIFY(!dialog.assign(0, QKeySequence("0")));
        QVERIFY2(dialog.problem().contains("Plot: all of it"), qPrintable(dialog.problem()));
        QCOMPARE(changed.size(), 0);
        QVERIFY(dialog.assign(0, QKeySequence("Ctrl+0")) && dialog.problem().isEmpty());
    }

    void the_key_pressed_in_a_cell_is_the_command_s() {
        ShortcutsDialog dialog(rows(), {{"Plot: pan", "drag", {QKeySequence("Left")}}}, nullptr);
        dialog.show();
        QSignalSpy changed(&dialog, &ShortcutsDialog::changed);
        dialog.table()->setCurrentCell(0, 1);
        dialog.table()->editItem(dialog.table()->item(0, 1));
        auto* edit = dialog.table()->findChild<QKeySequenceEdit*>();
        QVERIFY(edit);
        QTest::keyClick(edit, Qt::Key_F9, Qt::ControlModifier);
        QTRY_COMPARE_WITH_TIMEOUT(changed.size(), 1, 5'000); // it waits a moment for a second chord
        QCOMPARE(changed[0][0].toString(), QString("run.evaluate"));
        QCOMPARE(dialog.table()->item(0, 1)->text(), QString("Ctrl+F9"));
        QCOMPARE(dialog.table()->item(3, 1)->text(), QString("drag; Left"));
        QVERIFY(!(dialog.table()->item(3, 1)->flags() & Qt::ItemIsEditable)); // gestures stay
    }
};

GRATICULE_TEST(ShortcutsTest);
#include "tst_shortcuts.moc"
