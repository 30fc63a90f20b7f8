// Everything at once: small distributions of all inputs, several runs side by side, texts of many cells, the queue.
#include <QtCore/QMimeData>
#include <QtCore/QScopeGuard>
#include <QtGui/QPainter>
#include <QtGui/QStandardItemModel>
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>
#include <QtWidgets/QHeaderView>
#include <QtWidgets/QLabel>
#include <QtWidgets/QListView>
#include <QtWidgets/QMenu>
#include <QtWidgets/QScrollBar>
#include <QtWidgets/QStyledItemDelegate>
#include <QtWidgets/QTableView>
#include <QtWidgets/QToolButton>

#include "tests/support/test_main.h"
#include "widgets/models/cell_table.h"
#include "widgets/models/cell_text.h"
#include "widgets/models/compare_many_model.h"
#include "widgets/panels/compare_panel.h"
#include "widgets/panels/jobs_panel.h"
#include "widgets/panels/multiples_panel.h"
#include "widgets/theme/colour_vision.h"
#include "widgets/theme/theme.h"

using namespace graticule;

namespace {
LayerReport report(int layer, double sqnr, double mse, std::int64_t bytes) {
    LayerReport made;
    made.layer = LayerId{layer};
    made.name = "layers." + std::to_string(layer) + ".fc1";
    made.output_sqnr_db = sqnr;
    made.output_mse = mse;
    made.bytes_after = bytes;
    return made;
}

/// The columns of pixels that anything was drawn in.
std::pair<int, int> inked(const QImage& image) {
    int first = image.width(), last = -1;
    for (int x = 0; x < image.width(); ++x)
        for (int y = 0; y < image.height(); ++y)
            if (image.pixel(x, y) != qRgb(0, 0, 0)) {
                first = std::min(first, x);
                last = std::max(last, x);
            }
    return {first, last};
}

JobRow job(int id, JobState state, int place = -1) {
    JobRow row;
    row.id = id;
    row.title = QStringLiteral("job %1").arg(id);
    row.state = state;
    row.place = place;
    return row;
}
} // namespace

class ManyLayersTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void figures_stand_in_cells_of_one_width() {
        CellText texts;
        const QFont font = theme::ui_font(12);
        QCOMPARE(texts.width("111.11", font, Qt::AlignRight), texts.width("888.88", font, Qt::AlignRight));
        QVERIFY(texts.width("iii", font, Qt::AlignLeft) < texts.width("mmm", font, Qt::AlignLeft));
        for (const int side : {int(Qt::AlignRight), int(Qt::AlignLeft)})
            for (const QString& text : {QString("2,876.32"), QString("layers.11.mlp.down_proj of a long name")}) {
                QImage image(120, 24, QImage::Format_RGB32);
                image.fill(Qt::black);
                QPainter painter(&image);
                texts.draw(painter, QRect(30, 0, 60, 24), side, text, font, Qt::white);
                painter.end();
                const auto [first, last] = inked(image);
                QVERIFY2(first >= 29 && last <= 90 && last > first, qPrintable(text)); // all of it, and in its cell
                if (side == Qt::AlignRight) QVERIFY2(last >= 84, qPrintable(QString::number(last)));
                if (side == Qt::AlignLeft) QVERIFY2(first <= 33, qPrintable(QString::number(first)));
            }
    }

    /// Under the style sheet, which takes a table's own ground away.
    void scrolling_paints_what_comes_in() {
        struct Counter final : QStyledItemDelegate {
            mutable int cells = 0;
            void paint(QPainter*, const QStyleOptionViewItem&, const QModelIndex&) const override { ++cells; }
        };
        const QString sheet = qApp->styleSheet();
        const auto plain = qScopeGuard([&] { qApp->setStyleSheet(sheet); });
        theme::apply(*qApp, theme::Mode::dark);
        QStandardItemModel model(400, 3);
        CellTable table;
        Counter counter;
        table.setModel(&model);
        table.setItemDelegate(&counter);
        table.setVerticalScrollMode(QAbstractItemView::ScrollPerPixel);
        table.verticalHeader()->setDefaultSectionSize(20);
        table.resize(400, 500);
        table.show();
        QVERIFY(QTest::qWaitForWindowExposed(&table));
        QTRY_VERIFY(counter.cells > 3 * 20);
        QTest::qWait(50);
        counter.cells = 0;
        table.verticalScrollBar()->setValue(40);
        QTRY_VERIFY(counter.cells > 0);
        QVERIFY2(counter.cells <= 3 * 4, qPrintable(QString::number(counter.cells)));
        // What is not covered by a cell has the panel's colour.
        model.setRowCount(1);
        const QImage image = table.viewport()->grab().toImage();
        QCOMPARE(image.pixelColor(image.width() / 2, image.height() - 5), theme::dark()[theme::Token::panel]);
    }

    void a_job_is_paused_and_moved_from_its_list() {
        JobsPanel panel;
        JobRow running = job(1, JobState::running);
        panel.setRows({running, job(2, JobState::waiting, 1), job(3, JobState::waiting, 0), job(4, JobState::done)});
        auto* list = panel.findChild<QListView*>();
        QAbstractItemModel& model = *list->model();
        const auto id_at = [&](int row) { return model.index(row, 0).data(JobListModel::JobRole).toInt(); };
        QCOMPARE(id_at(0), 1);
        QCOMPARE(id_at(1), 3); // in the order of the queue, not of their numbers
        QCOMPARE(id_at(2), 2);
        QSignalSpy held(&panel, &JobsPanel::holdWanted), moved(&panel, &JobsPanel::moveWanted);
        list->setCurrentIndex(model.index(0, 0));
        panel.show();
        panel.activateWindow(); // an X server without a window manager activates none by itself
        list->setFocus();
        QVERIFY(QTest::qWaitForWindowActive(&panel));
        QTest::keyClick(list, Qt::Key_Space);
        QCOMPARE(held.size(), 1);
        QCOMPARE(held[0], (QVariantList{1, true}));
        running.held = true;
        running.done = 12, running.total = 24;
        panel.setRows({running, job(2, JobState::waiting, 1), job(3, JobState::waiting, 0)});
        QVERIFY(model.index(0, 0).data(JobListModel::DetailRole).toString().startsWith("paused"));
        QTest::keyClick(list, Qt::Key_Space);
        QCOMPARE(held[1], (QVariantList{1, false}));
        list->setCurrentIndex(model.index(2, 0));
        QTest::keyClick(list, Qt::Key_Up, Qt::ControlModifier);
        QCOMPARE(moved.size(), 1);
        QCOMPARE(moved[0], (QVariantList{2, 3}));
        // By the mouse: what waits can be dragged, what runs cannot, and nothing goes above what runs.
        QVERIFY(!(model.flags(model.index(0, 0)) & Qt::ItemIsDragEnabled));
        QVERIFY(model.flags(model.index(1, 0)) & Qt::ItemIsDragEnabled);
        const std::unique_ptr<QMimeData> dragged(model.mimeData({model.index(2, 0)}));
        model.dropMimeData(dragged.get(), Qt::MoveAction, 0, 0, {});
        QCOMPARE(moved[1], (QVariantList{2, 3}));
        model.dropMimeData(dragged.get(), Qt::MoveAction, 3, 0, {});
        QCOMPARE(moved[2], (QVariantList{2, 0}));
    }

    void all_inputs_are_seen_at_once_and_one_is_chosen() {
        Multiples all;
        all.columns = QStringList{"q_proj k_proj v_proj", "fc1"};
        all.rows = QStringList{"0", "1"};
        all.low = 0.01, all.high = 100;
        for (int block = 0; block < 2; ++block) {
            auto& row = all.cells.emplace_back();
            for (int site = 0; site < 2; ++site) {
                SmallDistribution cell;
                cell.layer = LayerId{10 * block + site};
                cell.name = QStringLiteral("layers.%1.%2").arg(block).arg(site);
                cell.largest = 5 + block;
                cell.high = 3;
                cell.outlier_ratio = 7;
                if (block == 0 || site == 0) cell.counts = {1, 100, 1000, 10, 0, 1};
                row.push_back(cell);
            }
        }
        MultiplesPanel panel;
        QSignalSpy chosen(&panel, &MultiplesPanel::layerChosen);
        panel.setMultiples(all, "about");
        panel.resize(500, 300);
        panel.show();
        QAbstractItemModel& model = *panel.table()->model();
        QVERIFY(model.index(1, 0).data(Qt::AccessibleTextRole).toString().contains("largest |x| 6"));
        QVERIFY(!model.index(1, 1).data().isValid()); // a block without such an input
        panel.setSelected(LayerId{10});
        QCOMPARE(panel.table()->currentIndex(), model.index(1, 0));
        QCOMPARE(chosen.size(), 0);
        panel.table()->setCurrentIndex(model.index(0, 1));
        QCOMPARE(chosen.size(), 1);
        QCOMPARE(chosen[0][0].value<LayerId>(), LayerId{1});
        // The bars are there: more than the cell's ground and one text.
        const QImage seen = panel.table()->viewport()->grab(panel.table()->visualRect(model.index(0, 0))).toImage();
        const QColor bars = theme::of(panel.palette()).faded(theme::Token::full_precision, 0.85);
        int drawn = 0;
        for (int x = 0; x < seen.width(); ++x)
            for (int y = 0; y < seen.height(); ++y) {
                const QColor at = seen.pixelColor(x, y);
                drawn += std::abs(at.blue() - bars.blue()) < 40 && std::abs(at.red() - bars.red()) < 40;
            }
        QVERIFY2(drawn > 500, qPrintable(QString::number(drawn)));
    }

    void many_runs_are_held_against_the_first() {
        CompareManyModel model;
        model.setRuns({{"int4", {report(0, 20, 2, 100), report(1, 10, 4, 100)}},
                       {"dint4", {report(0, 22, 1, 100), report(1, 10, 4, 100)}},
                       {"int8", {report(0, 30, 0.1, 200)}}});
        QCOMPARE(model.rowCount(), 2);
        QCOMPARE(model.columnCount(), 5); // name, three runs, spread
        const auto text = [&](int row, int column) { return model.index(row, column).data().toString(); };
        QCOMPARE(text(0, 1), QString("20.00"));
        QCOMPARE(text(0, 3), QString("30.00"));
        QCOMPARE(text(0, 4), QString("10.00"));
        QCOMPARE(text(1, 3), QString()); // that run left it alone
        model.show(LayerFigure::sqnr, CompareMode::difference);
        QCOMPARE(text(0, 1), QString("20.00")); // what the others are held against
        QCOMPARE(text(0, 2), QString("+2.00"));
        QCOMPARE(model.index(0, 2).data(CompareManyModel::ToneRole).toInt(), 1);
        QCOMPARE(model.index(1, 2).data(CompareManyModel::ToneRole).toInt(), 0);
        QCOMPARE(model.headerData(2, Qt::Horizontal).toString(), QString("B − A"));
        model.show(LayerFigure::bytes, CompareMode::relative);
        QCOMPARE(text(0, 3), QString("100.0"));
        model.show(LayerFigure::mse, CompareMode::difference);
        QCOMPARE(model.index(0, 2).data(CompareManyModel::ToneRole).toInt(), 1); // less error
    }

    void lines_of_a_recipe_are_taken_over_or_dropped() {
        ComparePanel panel;
        ComparedRuns runs;
        runs.a.window_losses = runs.b.window_losses = {2.5, 2.4};
        runs.a.perplexity = runs.b.perplexity = 12;
        runs.comparison = compare(runs.a, runs.b);
        runs.recipes =
            QStringList{"− w=int4/asym/channel", "+ w=int8/sym/channel", "+ *.v_proj => w=dint4/asym/channel"};
        runs.current = QStringList{"w=int4/asym/channel", "*.v_proj => w=dint4/asym/channel"};
        panel.setComparison(runs);
        QSignalSpy taken(&panel, &ComparePanel::lineTaken), dropped(&panel, &ComparePanel::lineDropped);
        QLabel* lines = nullptr;
        for (QLabel* label : panel.findChildren<QLabel*>())
            if (label->accessibleName() == "Difference of the recipes") lines = label;
        QVERIFY(lines);
        QVERIFY(!lines->text().contains("/0\">")); // it is there, and holds for all: nothing to do with it
        QVERIFY(lines->text().contains("take/1") && lines->text().contains("drop/2"));
        Q_EMIT lines->linkActivated("take/1");
        Q_EMIT lines->linkActivated("drop/2");
        QCOMPARE(taken.value(0).value(0).toString(), QString("w=int8/sym/channel"));
        QCOMPARE(dropped.value(0).value(0).toString(), QString("*.v_proj => w=dint4/asym/channel"));
    }

    void more_runs_take_the_place_of_the_table_of_two() {
        ComparePanel panel;
        panel.setRuns({{1, "one"}, {2, "two"}, {3, "three"}}, 1, 2, {});
        QSignalSpy others(&panel, &ComparePanel::othersChosen);
        for (QToolButton* button : panel.findChildren<QToolButton*>())
            if (button->text() == "more") {
                QCOMPARE(button->menu()->actions().size(), 1); // all but the two
                button->menu()->actions().front()->trigger();
            }
        QCOMPARE(others.size(), 1);
        QCOMPARE(others[0][0].value<std::vector<int>>(), std::vector<int>{3});
        panel.setRuns({{1, "one"}, {2, "two"}, {3, "three"}}, 1, 2, {3});
        ComparedRuns runs;
        runs.a.window_losses = runs.b.window_losses = {2.5, 2.4};
        runs.comparison = compare(runs.a, runs.b);
        runs.reports_a = runs.reports_b = {report(0, 20, 2, 100)};
        runs.others = {{"three", {report(0, 25, 1, 100)}}};
        panel.setComparison(runs);
        for (const QTableView* table : panel.findChildren<QTableView*>())
            QCOMPARE(table->isVisibleTo(&panel), table->accessibleName() == "Layers of all chosen runs");
    }

    void colours_are_seen_as_others_see_them() {
        using theme::ColourVision;
        for (const auto vision : {ColourVision::protanopia, ColourVision::deuteranopia, ColourVision::tritanopia}) {
            const QColor grey = theme::seen_with(vision, QColor(120, 120, 120)); // is grey to everybody
            QVERIFY(std::abs(grey.red() - 120) <= 1 && std::abs(grey.green() - 120) <= 1 &&
                    std::abs(grey.blue() - 120) <= 1);
        }
        QCOMPARE(theme::seen_with(ColourVision::normal, QColor(10, 200, 30)), QColor(10, 200, 30));
        const auto apart = [](const QColor& a, const QColor& b) {
            return std::abs(a.red() - b.red()) + std::abs(a.green() - b.green()) + std::abs(a.blue() - b.blue());
        };
        const QColor red(200, 60, 60), green(110, 120, 50);
        QVERIFY(apart(theme::seen_with(ColourVision::deuteranopia, red),
                      theme::seen_with(ColourVision::deuteranopia, green)) < apart(red, green) / 2);
        QImage picture(2, 1, QImage::Format_RGB32);
        picture.setPixelColor(0, 0, red);
        picture.setPixelColor(1, 0, green);
        const QImage seen = theme::seen_with(ColourVision::protanopia, picture);
        QCOMPARE(seen.pixelColor(0, 0), theme::seen_with(ColourVision::protanopia, red));
        QCOMPARE(seen.pixelColor(1, 0), theme::seen_with(ColourVision::protanopia, green));
    }

    void texts_grow_with_the_setting() {
        const double before = theme::text_scale();
        theme::set_text_scale(1.3);
        QCOMPARE(theme::ui_font(13).pixelSize(), 17);
        QVERIFY(theme::style_sheet(theme::dark()).contains("font-size: 16px")); // of 12
        theme::set_text_scale(40);                                              // nobody can read that
        QCOMPARE(theme::text_scale(), 1.5);
        theme::set_text_scale(before);
    }
};

GRATICULE_TEST(ManyLayersTest);
#include "tst_many_layers.moc"
