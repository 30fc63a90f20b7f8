// SIGTERM is a save-and-close: the session is on disk, the jobs are asked to stop, the program's loop ends.
#include <QtCore/QFileInfo>
#include <QtCore/QTemporaryDir>
#include <QtCore/QTimer>
#include <QtTest/QTest>
#include <QtWidgets/QApplication>
#include <algorithm>
#include <csignal>

#include "app/session/session_file.h"
#include "app/window/stop_signals.h"
#include "tests/app/shown_window.h"
#include "tests/support/test_main.h"
#include "widgets/panels/offer_bar.h"

using namespace graticule;

class TestStopSignals : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void the_window_saves_and_leaves_data() {
        QTest::addColumn<int>("signal");
        QTest::newRow("SIGTERM") << SIGTERM;
        QTest::newRow("SIGHUP") << SIGHUP;
    }
    void the_window_saves_and_leaves() {
        QFETCH(int, signal);
        const QTemporaryDir folder;
        auto shown = graticule::testing::show_window(folder.filePath("settings.ini"));
        shown.window->openPath("sample-opt");
        QTRY_VERIFY_WITH_TIMEOUT(shown.window->session().model() && !shown.window->session().jobs().busy(), 120'000);
        Session& session = shown.window->session();
        session.editSelected([](SchemeChoice& choice) { choice = parse_scheme_line("w=int8"); }, "eight", {});
        session.evaluate({{}, 512, 24});
        const StopSignals stop([&] { shown.window->saveAndLeave(); });
        QTimer::singleShot(0, [signal] { ::raise(signal); });
        bool late = false;
        QTimer::singleShot(60'000, qApp, [&] {
            late = true;
            QApplication::exit(1);
        });
        QCOMPARE(QApplication::exec(), 0);
        QVERIFY(!late);
        const SessionFile saved = read_session(folder.filePath("settings-interrupted.graticule"));
        QVERIFY2(saved.model.contains("sample-opt"), qPrintable(saved.model));
        QTRY_VERIFY_WITH_TIMEOUT(!session.jobs().busy(), 60'000);
        shown.window.reset();
        // What was saved is offered where it is, and what ran as what was cut off: nobody stopped it.
        const auto next = graticule::testing::show_window(folder.filePath("settings.ini"));
        next.window->openPath("sample-opt");
        const auto* offer = next.window->findChild<OfferBar*>("draft");
        QTRY_VERIFY_WITH_TIMEOUT(next.window->session().runs().size() == 2 && !offer->isHidden(), 120'000);
        QVERIFY2(offer->text().contains("settings-interrupted.graticule") && !offer->text().contains("unsaved"),
                 qPrintable(offer->text()));
        QVERIFY(std::ranges::all_of(next.window->session().runs(), &Run::cutOff));
    }

    void before_and_after_nobody_is_asked() {
        struct sigaction found = {};
        QVERIFY(::sigaction(SIGTERM, nullptr, &found) == 0 && found.sa_handler == SIG_DFL);
        {
            const StopSignals stop([] {});
        }
        QVERIFY(::sigaction(SIGTERM, nullptr, &found) == 0 && found.sa_handler == SIG_DFL);
    }
};

GRATICULE_TEST(TestStopSignals);
#include "tst_stop_signals.moc"
