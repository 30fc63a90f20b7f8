// A window that nothing happens in does nothing: nothing is painted, no timer runs.
#include <QtCore/QRegularExpression>
#include <QtCore/QTemporaryDir>
#include <QtTest/QTest>
#include <QtWidgets/QApplication>
#include <QtWidgets/QPushButton>

#include "app/session/selection_history.h"
#include "app/window/tour.h"
#include "tests/app/shown_window.h"
#include "tests/support/short_calibration.h"
#include "tests/support/test_main.h"
#include "widgets/models/number_text.h"
#include "widgets/panels/layers_panel.h"
#include "widgets/panels/offer_bar.h"

using namespace graticule;

namespace {
class PaintCounter final : public QObject {
public:
    int paints = 0, timers = 0;
    QStringList who;

protected:
    bool eventFilter(QObject* watched, QEvent* event) override {
        if (event->type() == QEvent::Paint || event->type() == QEvent::UpdateRequest) {
            ++paints;
            who << QString::fromLatin1(watched->metaObject()->className());
        }
        if (event->type() == QEvent::Timer) ++timers;
        return false;
    }
};
} // namespace

class WindowRestTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void nothing_is_painted_when_nothing_changes() {
        const QString sheet = qApp->styleSheet();
        theme::apply(*qApp, theme::Mode::dark); // as the program starts: it sets how a cursor blinks
        QTemporaryDir folder;
        auto [settings, window] = testing::show_window(folder.filePath("rest.ini"));
        window->openPath("sample-opt");
        Session& session = window->session();
        QTRY_VERIFY_WITH_TIMEOUT(session.model() != nullptr, 30'000);
        session.calibrate(testing::short_calibration());
        QTRY_VERIFY_WITH_TIMEOUT(session.statsComplete() && !session.jobs().busy() && session.whatIfs().idle(),
                                 120'000);
        window->layers().focusFilter(); // with a cursor in a field
        QTest::qWait(1500);             // what was asked for last is painted by then, tool tips and hovers included
        PaintCounter counter;
        qApp->installEventFilter(&counter);
        QTest::qWait(2000);
        qApp->removeEventFilter(&counter);
        QVERIFY2(counter.paints == 0, qPrintable(counter.who.join(u' ')));
        QVERIFY2(counter.timers <= 2, qPrintable(QString::number(counter.timers))); // the test's own
        qApp->setStyleSheet(sheet);
    }

    void the_tour_ends_with_a_finding() {
        QTemporaryDir folder;
        auto [settings, window] = testing::show_window(folder.filePath("tour.ini"));
        window->setEvaluationChoice({{}, 64, 3});
        window->tour().start();
        const auto speaking = [&]() -> OfferBar* {
            for (OfferBar* bar : window->findChildren<OfferBar*>())
                if (!bar->isHidden() && !bar->waiting()) return bar;
            return nullptr;
        };
        QStringList said;
        for (std::size_t step = 0; step < 7; ++step) {
            QTRY_VERIFY_WITH_TIMEOUT(window->tour().step() == step && speaking() != nullptr, 240'000);
            said << speaking()->text();
            QVERIFY2(said.back().startsWith(QString("Step %1 of 7. ").arg(step + 1)), qPrintable(said.back()));
            if (step >= 3) { // the linear that is spoken of can be seen, wherever its figures have put it
                const std::vector<LayerId> seen = window->findChild<LayersPanel*>()->inSight();
                QVERIFY(std::ranges::find(seen, window->session().selection().front()) != seen.end());
            }
            if (step == 5) { // back and forth again: the recipe of then, and nothing is measured again
                const Recipe recipe = window->session().recipe();
                const std::size_t runs = window->session().runs().size();
                for (const std::size_t earlier : {std::size_t(4), std::size_t(3)}) {
                    speaking()->findChildren<QPushButton*>()[1]->click(); // Back
                    QCOMPARE(window->tour().step(), earlier);
                    QCOMPARE(speaking()->text(), said[qsizetype(earlier)]);
                }
                QVERIFY(window->session().recipe() != recipe);
                for (const std::size_t later : {std::size_t(4), std::size_t(5)}) {
                    speaking()->findChildren<QPushButton*>().front()->click();
                    QCOMPARE(window->tour().step(), later);
                }
                QCOMPARE(speaking()->text(), said.back());
                QVERIFY(window->session().recipe() == recipe);
                QCOMPARE(window->session().runs().size(), runs);
            }
            speaking()->findChildren<QPushButton*>().front()->click();
        }
        QVERIFY(!window->tour().running());
        QVERIFY2(said[2].contains("95 % interval"), qPrintable(said[2]));
        QVERIFY2(said[3].contains(QRegularExpression("(layers\\.[^ ]+): [0-9]+ of its [0-9]+ input channels")),
                 qPrintable(said[3]));
        const auto gained = QRegularExpression("\\((.[0-9.]+) dB\\)").match(said[4]);
        QVERIFY2(gained.hasMatch() && gained.captured(1).startsWith(u'+'), qPrintable(said[4])); // it does help
        const auto zeros = QRegularExpression("Of its weights ([0-9.]+) % .* it was ([0-9.]+) %").match(said[5]);
        QVERIFY2(zeros.captured(1).toDouble() < zeros.captured(2).toDouble(), qPrintable(said[5]));
        // The linear that it argues with is the one of the step before, and mends by what is done about it.
        QVERIFY2(
            said[1].contains(QRegularExpression("(layers\\.[^ ]+): ").match(said[3]).captured(1) + " has the lowest"),
            qPrintable(said[1]));
        const auto better = QRegularExpression("\\((.[0-9.]+) dB\\)").match(said[5]);
        QVERIFY2(better.hasMatch() && better.captured(1).startsWith(u'+'), qPrintable(said[5]));
        // What is said of the two runs is what their comparison says.
        const auto& runs = window->session().runs();
        QCOMPARE(runs.size(), std::size_t(3));
        const auto compared = window->session().comparison(runs[1].id, runs[2].id);
        QVERIFY(compared && compared->difference);
        QVERIFY2(said[6].contains(signed_text(compared->difference->perplexity_difference, 2)), qPrintable(said[6]));
        QCOMPARE(said[6].contains("a real improvement"),
                 compared->difference->significant && runs[2].evaluation->perplexity < runs[1].evaluation->perplexity);
    }

    void one_goes_back_to_where_one_was() {
        SelectionHistory history;
        const std::vector<LayerId> a{LayerId{1}}, b{LayerId{2}, LayerId{3}}, c{LayerId{4}};
        QVERIFY(!history.canGoBack() && !history.canGoForward());
        history.visit(a);
        history.visit(a);
        QVERIFY(!history.canGoBack());
        history.visit(b);
        history.visit(c);
        QCOMPARE(history.back(), b);
        QCOMPARE(history.back(), a);
        QVERIFY(!history.canGoBack());
        QCOMPARE(history.forward(), b);
        history.visit(a); // from here on somewhere else
        QVERIFY(!history.canGoForward());
        QCOMPARE(history.back(), b);
    }
};

GRATICULE_TEST(WindowRestTest);
#include "tst_window_rest.moc"
