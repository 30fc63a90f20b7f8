// Words in the focused table or text.
#include <QtGui/QStandardItemModel>
#include <QtTest/QTest>
#include <QtWidgets/QLineEdit>
#include <QtWidgets/QPlainTextEdit>
#include <QtWidgets/QPushButton>
#include <QtWidgets/QTableView>
#include <QtWidgets/QVBoxLayout>

#include "tests/support/test_main.h"
#include "widgets/panels/find_bar.h"

using namespace graticule;

class FindBarTest : public QObject {
    Q_OBJECT

    QWidget window_;
    QStandardItemModel model_;
    QTableView* table_ = nullptr;
    QPlainTextEdit* text_ = nullptr;
    FindBar* bar_ = nullptr;

    void press(Qt::Key key, Qt::KeyboardModifiers modifiers = {}) { QTest::keyClick(bar_->line(), key, modifiers); }

private Q_SLOTS:
    void initTestCase() {
        auto* column = new QVBoxLayout(&window_);
        table_ = new QTableView;
        table_->setModel(&model_);
        for (const auto& [name, state] :
             {std::pair{"dint4 channel", "done"}, std::pair{"int4 g128", "failed"}, std::pair{"dINT4 g128", "done"}})
            model_.appendRow({new QStandardItem(name), new QStandardItem(state), new QStandardItem("dint4 hidden")});
        table_->setColumnHidden(2, true);
        text_ = new QPlainTextEdit("one two one\nthree ONE");
        column->addWidget(table_);
        column->addWidget(text_);
        column->addWidget(new QPushButton("button"));
        bar_ = new FindBar(&window_);
        window_.resize(600, 400);
        window_.show();
    }

    void cells_are_found_one_after_another() {
        QVERIFY(bar_->openIn(table_->viewport()));
        QCOMPARE(bar_->parentWidget(), table_);
        bar_->line()->setText("dint4"); // in hidden columns too, which do not count
        QCOMPARE(bar_->answer(), QString("1 of 2"));
        QCOMPARE(table_->currentIndex(), model_.index(0, 0));
        press(Qt::Key_Return);
        QCOMPARE(table_->currentIndex(), model_.index(2, 0));
        press(Qt::Key_Return); // around
        QCOMPARE(table_->currentIndex(), model_.index(0, 0));
        press(Qt::Key_Return, Qt::ShiftModifier);
        QCOMPARE(table_->currentIndex(), model_.index(2, 0));
        QCOMPARE(bar_->answer(), QString("2 of 2"));
        bar_->line()->setText("no such");
        QCOMPARE(bar_->answer(), QString("nothing"));
        QCOMPARE(table_->currentIndex(), model_.index(2, 0)); // stays where one was
        press(Qt::Key_Escape);
        QVERIFY(bar_->isHidden());
        QCOMPARE(bar_->parentWidget(), &window_);
    }

    void words_are_found_in_a_text() {
        QVERIFY(bar_->openIn(text_));
        bar_->line()->setText("one");
        QCOMPARE(bar_->answer(), QString("1 of 3"));
        QCOMPARE(text_->textCursor().selectionStart(), 0);
        press(Qt::Key_Return);
        QCOMPARE(text_->textCursor().selectionStart(), 8);
        press(Qt::Key_Return);
        QCOMPARE(text_->textCursor().selectedText(), QString("ONE"));
        press(Qt::Key_Return, Qt::ShiftModifier);
        QCOMPARE(text_->textCursor().selectionStart(), 8);
        bar_->line()->setText("one t"); // typed on: the first from here
        QCOMPARE(text_->textCursor().selectionStart(), 0);
        press(Qt::Key_Escape);
    }

    void where_there_is_nothing_to_search_it_does_not_open() {
        QVERIFY(!bar_->openIn(window_.findChild<QPushButton*>()));
        QVERIFY(!bar_->openIn(nullptr));
        QVERIFY(bar_->isHidden());
    }
};

GRATICULE_TEST(FindBarTest);
#include "tst_find_bar.moc"
