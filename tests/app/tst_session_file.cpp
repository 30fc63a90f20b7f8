// Session files: what was open comes back as it stood; what cannot be read says why and changes nothing.
#include <QtCore/QDir>
#include <QtCore/QFile>
#include <QtCore/QSemaphore>
#include <QtCore/QSettings>
#include <QtCore/QTemporaryDir>
#include <QtCore/QTimer>
#include <QtGui/QGuiApplication>
#include <QtGui/QScreen>
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>
#include <QtWidgets/QApplication>
#include <QtWidgets/QDockWidget>
#include <QtWidgets/QFileDialog>
#include <QtWidgets/QHeaderView>
#include <QtWidgets/QInputDialog>
#include <QtWidgets/QLabel>
#include <QtWidgets/QListWidget>
#include <QtWidgets/QPlainTextEdit>
#include <QtWidgets/QPushButton>
#include <QtWidgets/QTableView>
#include <nlohmann/json.hpp>

#include "app/session/layers_json.h"
#include "app/session/recent_models.h"
#include "app/session/run_names.h"
#include "app/session/session_file.h"
#include "app/window/main_window.h"
#include "app/window/table_rows.h"
#include "app/window/tour.h"
#include "tests/app/shown_window.h"
#include "tests/support/error_message.h"
#include "tests/support/short_calibration.h"
#include "tests/support/test_main.h"
#include "widgets/models/layer_table_model.h"
#include "widgets/panels/jobs_panel.h"
#include "widgets/panels/layers_panel.h"
#include "widgets/panels/offer_bar.h"
#include "widgets/panels/run_dialogs.h"
#include "widgets/panels/runs_panel.h"
#include "widgets/panels/welcome_page.h"

using namespace graticule;
using graticule::testing::error_message;

class SessionFileTest : public QObject {
    Q_OBJECT

    QTemporaryDir folder_;
    QString file_;       // written by initTestCase, of the window below
    SessionFile before_; // what it held

    /// `who` names the settings, and with them the journal of runs.
    [[nodiscard]] testing::ShownWindow window(const QString& who) const {
        return testing::show_window(folder_.filePath(who + ".ini"));
    }
    static bool quiet(MainWindow& window) {
        return window.session().model() && !window.session().jobs().busy() && window.session().whatIfs().idle();
    }
    static void open(MainWindow& window) {
        window.openPath("sample-opt");
        QTRY_VERIFY_WITH_TIMEOUT(quiet(window), 30'000);
    }
    /// A step of the recipe.
    static void make(MainWindow& window, const char* line, const QString& name) {
        window.session().select({LayerId{3}});
        window.session().editSelected([line](SchemeChoice& choice) { choice = parse_scheme_line(line); }, name, {});
    }
    /// There is another bar, for the tour.
    static OfferBar* draft_offer(const MainWindow& window) { return window.findChild<OfferBar*>("draft"); }
    static void click(const OfferBar& bar, const QString& what) {
        const auto buttons = bar.findChildren<QPushButton*>();
        for (QPushButton* button : buttons)
            if (button->text() == what) return button->click();
        QFAIL(qPrintable("no button " + what));
    }
    /// The lines of several pieces that are offered, of which one is chosen.
    static QStringList pieces(const OfferBar& bar) {
        QStringList lines;
        const auto* list = bar.findChild<QListWidget*>();
        for (int i = 0; i < list->count(); ++i) lines << list->item(i)->text();
        return lines;
    }
    static void choose(const OfferBar& bar, const QString& what) {
        auto* list = bar.findChild<QListWidget*>();
        for (int i = 0; i < list->count(); ++i)
            if (list->item(i)->text().contains(what)) return list->setCurrentRow(i);
        QFAIL(qPrintable("nothing of " + what));
    }
    static QString model_file(MainWindow& window) {
        return QString::fromStdString(window.session().model()->parts().path.string());
    }
    /// And it is on the disk.
    static void save(MainWindow& window, const QString& path) {
        window.saveSession(path);
        window.session().runList().keeper().finish();
        QCoreApplication::processEvents(); // the window is told
    }
    static void keep_busy(Session& session, QSemaphore& gate) {
        session.jobs().submit<int>(
            {}, [&](JobContext&) { return std::make_shared<const int>(gate.tryAcquire(1, 30'000)); }, {});
    }
    /// What `begin` queues is cancelled before the first job of it has begun.
    static void stop_before_it_begins(MainWindow& window, const std::function<void()>& begin) {
        Session& session = window.session();
        QSemaphore gate;
        keep_busy(session, gate);
        begin();
        session.jobs().cancelAll();
        gate.release();
        QTRY_VERIFY_WITH_TIMEOUT(!session.jobs().busy(), 30'000);
    }
    /// Evaluates, and is as if killed before the first job of that has begun.
    static void cut_off_before_it_begins(MainWindow& window) {
        open(window);
        Session& session = window.session();
        stop_before_it_begins(window, [&] {
            session.evaluate({{}, 64, 3});
            session.runList().markCutOff(); // from here on it is killed
        });
    }
    /// Quantizes the recipe, is stopped in the third block, and says what is kept of it.
    static KeptLinears quantize_two_blocks(const Session& session) {
        const Model& model = *session.model();
        const std::int64_t all = std::ssize(model.linears()), kept = 2 * all / std::ssize(model.blocks());
        JobContext ctx;
        const auto stop = [&, done = std::int64_t{0}](const LayerReport&) mutable {
            if (++done == kept + 1) ctx.cancel.request();
        };
        const auto file = session.runList().journal().quantizationFile().toStdString();
        [&] {
            QVERIFY_THROWS_EXCEPTION(Cancelled, (void)quantize(session.model(), nullptr, *session.resolution().resolved,
                                                               ctx, stop, {.journal = file}));
        }();
        return {kept, all};
    }
    /// The window's keeper, which comes to nothing else before `disk` is released.
    static Keeper& held_up_by(QSemaphore& disk, MainWindow& window) {
        Keeper& keeper = window.session().runList().keeper();
        keeper.keep(
            "slow", [&disk] { disk.acquire(); }, &window, [](const QString&) {});
        return keeper;
    }
    static QString log(const MainWindow& window) {
        for (const QPlainTextEdit* text : window.findChildren<QPlainTextEdit*>())
            if (text->accessibleName() == u"Log") return text->toPlainText();
        return {};
    }
    /// The name that Save session offers.
    static QString offered(MainWindow& window) {
        QString name;
        QTimer::singleShot(0, qApp, [&name] {
            auto* dialog = qobject_cast<QFileDialog*>(QApplication::activeModalWidget());
            if (!dialog) return;
            name = QFileInfo(dialog->selectedFiles().value(0)).fileName();
            dialog->reject();
        });
        window.command("file.save-session")->trigger();
        return name;
    }
    [[nodiscard]] QByteArray written() const {
        QFile file(file_);
        return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
    }
    [[nodiscard]] QString made(const QString& name, const QByteArray& bytes) const {
        QFile file(folder_.filePath(name));
        [&] { QVERIFY(file.open(QIODevice::WriteOnly) && file.write(bytes) == bytes.size()); }();
        return file.fileName();
    }
    static std::vector<std::vector<double>> losses(const std::vector<Run>& runs) {
        std::vector<std::vector<double>> all;
        for (const Run& run : runs) all.push_back(run.evaluation->window_losses);
        return all;
    }

private Q_SLOTS:
    void initTestCase() {
        file_ = folder_.filePath("mine.graticule");
        auto [settings, window] = this->window("first");
        window->openPath("sample-opt");
        QTRY_VERIFY_WITH_TIMEOUT(quiet(*window), 30'000);
        Session& session = window->session();
        session.calibrate(testing::short_calibration());
        window->setEvaluationChoice({{}, 64, 2});
        session.evaluate({{}, 64, 2});
        QTRY_VERIFY_WITH_TIMEOUT(quiet(*window) && session.runs().size() == 2, 60'000);
        session.runList().setBaseline(session.runs()[1].id);
        session.select({LayerId{7}, LayerId{3}});
        session.editSelected([](SchemeChoice& choice) { choice.scheme.weight->format = find_format("dint4"); }, "dint",
                             {});
        window->plots().showTab(PlotArea::ErrorTab);
        window->layers().setFilterText("block<5");
        window->layers().sortBy(LayerTableModel::Underflow, Qt::DescendingOrder);
        window->addDockWidget(Qt::LeftDockWidgetArea, window->findChild<QDockWidget*>("recipe"));
        window->findChild<JobsPanel*>()->setNotes("fc2 of block 3 is the odd one");
        before_ = window->sessionFile();
        save(*window, file_);
        QVERIFY(QFile::exists(file_) && log(*window).contains("Session written to"));
    }

    void everything_comes_back_in_a_window_that_knows_nothing() {
        auto [settings, window] = this->window("second");
        window->openPath(file_); // as the command line and a drop do
        Session& session = window->session();
        QTRY_VERIFY_WITH_TIMEOUT(quiet(*window) && session.runs().size() == 2, 60'000);
        QCOMPARE(session.model()->name(), std::string("sample-opt"));
        QCOMPARE(window->findChild<JobsPanel*>()->notes(), QString("fc2 of block 3 is the odd one"));
        QVERIFY(session.recipe() == before_.recipe && session.reference() == before_.reference);
        QCOMPARE(session.recipe().calibration.length, std::int64_t(64));
        QCOMPARE(losses(session.runs()), losses(before_.runs));
        QCOMPARE(session.baseline(), session.runs()[1].id);
        // The figures of layers are in the file, to the last bit.
        QVERIFY(before_.runs[1].reports && before_.runs[1].reports->front().output_sqnr_db);
        QVERIFY(session.runs()[1].reports);
        QVERIFY(reports_to_json(*session.runs()[1].reports) == reports_to_json(*before_.runs[1].reports));
        QVERIFY(!session.runs()[0].reports);
        QCOMPARE(session.selection(), (std::vector<LayerId>{LayerId{7}, LayerId{3}}));
        QTRY_VERIFY_WITH_TIMEOUT(session.statsComplete() && quiet(*window), 60'000); // made again, as it was there
        QTest::qWait(150); // the table's own consequences of new statistics
        const SessionFile after = window->sessionFile();
        QCOMPARE(after.selection, before_.selection);
        QVERIFY(after.evaluation == before_.evaluation);
        QCOMPARE(after.view.plot, int(PlotArea::ErrorTab));
        QCOMPARE(after.view.filter, QString("block<5"));
        QCOMPARE(after.view.sort_column, int(LayerTableModel::Underflow));
        QVERIFY(after.view.descending);
        QCOMPARE(window->dockWidgetArea(window->findChild<QDockWidget*>("recipe")), Qt::LeftDockWidgetArea);
        QCOMPARE(session.history().steps().size(), before_.history.size()); // what was done can be undone
        QCOMPARE(session.history().undoName(), before_.history.back().name);
        // And the runs are in this window's journal as well.
        window.reset();
        auto [again, third] = this->window("second");
        third->openPath("sample-opt");
        QTRY_COMPARE_WITH_TIMEOUT(third->session().runs().size(), std::size_t(2), 30'000);
    }

    void unsaved_work_is_offered_the_next_time() {
        const auto all_int8 = [](SchemeChoice& choice) { choice = parse_scheme_line("w=int8/sym/channel"); };
        Recipe made;
        {
            auto [settings, window] = this->window("draft");
            window->openPath("sample-opt");
            QTRY_VERIFY_WITH_TIMEOUT(quiet(*window), 30'000);
            QVERIFY(draft_offer(*window)->isHidden()); // nothing was done here before
            window->session().select({LayerId{3}});
            window->session().editSelected(all_int8, "eight bits", {});
            window->plots().showTab(PlotArea::HeatMap);
            made = window->session().recipe();
            // Another model takes its place at once, nothing is saved; the recipe of the first is not lost with it.
            window->openPath("sample-llama");
            QTRY_VERIFY_WITH_TIMEOUT(window->session().model()->name() == "sample-llama" && quiet(*window), 30'000);
        }
        auto [settings, window] = this->window("draft");
        window->openPath("sample-opt");
        QTRY_VERIFY_WITH_TIMEOUT(quiet(*window), 30'000);
        OfferBar* offer = draft_offer(*window);
        QTRY_VERIFY(!offer->isHidden());
        QVERIFY2(offer->text().contains("eight bits"), qPrintable(offer->text()));
        QVERIFY(window->session().recipe() != made); // offered, not forced
        click(*offer, "Go on with it");
        QVERIFY(window->session().recipe() == made);
        QCOMPARE(window->session().selection(), std::vector<LayerId>{LayerId{3}});
        QCOMPARE(window->plots().currentIndex(), int(PlotArea::HeatMap));
        QVERIFY(window->session().history().canUndo());
        QVERIFY(offer->isHidden());
        QTest::qWait(900); // and then a kill: nothing is closed
        offer = nullptr;
        window.reset();
        // Discarded, it does not come again.
        auto [more_settings, third] = this->window("draft");
        third->openPath("sample-opt");
        QTRY_VERIFY_WITH_TIMEOUT(quiet(*third), 30'000);
        offer = draft_offer(*third);
        QTRY_VERIFY(!offer->isHidden());
        click(*offer, "Discard it");
        third.reset();
        auto [last_settings, fourth] = this->window("draft");
        fourth->openPath("sample-opt");
        QTRY_VERIFY_WITH_TIMEOUT(quiet(*fourth), 30'000);
        QTest::qWait(300);
        QVERIFY(draft_offer(*fourth)->isHidden());
    }

    /// Nothing of what anybody made is written over, neither by another window nor by what is taken up again.
    void every_window_has_a_draft_of_its_own() {
        {
            auto [settings, first] = this->window("two");
            auto [more, second] = this->window("two");
            open(*first);
            make(*first, "w=int8/sym/channel", "of the first");
            QTest::qWait(700);
            open(*second);
            QTest::qWait(300);
            QVERIFY(draft_offer(*second)->isHidden()); // the other window works on it
            QVERIFY2(log(*second).contains("Another window works on this model"), qPrintable(log(*second)));
            make(*second, "w=int4/sym/channel", "of the second");
            QTest::qWait(700);
        }
        auto [settings, window] = this->window("two");
        open(*window);
        OfferBar* offer = draft_offer(*window);
        QTRY_VERIFY(!offer->isHidden());
        QVERIFY2(pieces(*offer).size() == 2 && pieces(*offer)[0].contains("of the second") &&
                     pieces(*offer)[1].contains("of the first"),
                 qPrintable(offer->text()));
        make(*window, "w=int5/sym/channel", "of the third"); // before anything was taken up
        const Recipe third = window->session().recipe();
        click(*offer, "Go on with it");
        QCOMPARE(window->session().history().undoName(), QString("of the second on layers.0.self_attn.out_proj"));
        // What was made here meanwhile is offered as well.
        QTRY_VERIFY2(pieces(*offer).size() == 2 && pieces(*offer)[0].contains("of the third"),
                     qPrintable(offer->text()));
        choose(*offer, "of the third");
        click(*offer, "Go on with it");
        QVERIFY(window->session().recipe() == third);
        // The second was gone on with and left: it is not offered round and round.
        QTRY_VERIFY2(!offer->isHidden() && offer->text().contains("of the first"), qPrintable(offer->text()));
        QVERIFY2(pieces(*offer).isEmpty() && !offer->text().contains("of the second"), qPrintable(offer->text()));
        QVERIFY2(log(*window).contains("offered when the model is opened again"), qPrintable(log(*window)));
        click(*offer, "Go on with it");
        QCOMPARE(window->session().history().undoName(), QString("of the first on layers.0.self_attn.out_proj"));
        QTest::qWait(700);
        QVERIFY2(offer->isHidden(), qPrintable(offer->text()));
        offer = nullptr;
        window.reset();
        // None is lost, and each has the time of its own last change, whatever was on the screen last.
        auto [again, last] = this->window("two");
        open(*last);
        offer = draft_offer(*last);
        QTRY_VERIFY(!offer->isHidden());
        QCOMPARE(pieces(*offer).size(), 3);
        const char* const in_order[] = {"of the third", "of the second", "of the first"};
        for (int i = 0; i < 3; ++i) QVERIFY2(pieces(*offer)[i].contains(in_order[i]), qPrintable(offer->text()));
        // Who wants none of it now has it the next time.
        click(*offer, "Not now");
        QVERIFY(offer->isHidden());
        QCOMPARE(Draft(RunJournal(last->session().runList().journal())).find(model_file(*last)).found.size(),
                 std::size_t(3));
    }

    /// Taking work up and leaving it again is no change of it.
    void work_that_is_looked_at_keeps_its_time() {
        const QDateTime long_ago = QDateTime::currentDateTime().addSecs(-7200);
        {
            auto [settings, window] = this->window("times");
            open(*window);
            make(*window, "w=int8/sym/channel", "of long ago");
            SessionFile file = window->sessionFile();
            Draft older(RunJournal(window->session().runList().journal()));
            older.begin(); // beside the window's own
            older.begin();
            file.changed = long_ago;
            older.keep(model_file(*window), file);
            make(*window, "w=int4/sym/channel", "of now");
            QTest::qWait(700);
        }
        const QString then = long_ago.toString("yyyy-MM-dd HH:mm");
        auto [settings, window] = this->window("times");
        open(*window);
        OfferBar* offer = draft_offer(*window);
        QTRY_COMPARE(pieces(*offer).size(), 2);
        QVERIFY2(pieces(*offer)[1].startsWith(then), qPrintable(offer->text()));
        choose(*offer, "of long ago on layers.0.self_attn.out_proj");
        click(*offer, "Go on with it");
        QTRY_VERIFY(!offer->isHidden());
        window->session().select({LayerId{5}}); // to look around
        QTest::qWait(700);
        click(*offer, "Go on with it"); // with the other
        QTest::qWait(700);
        offer = nullptr;
        window.reset();
        auto [again, last] = this->window("times");
        open(*last);
        offer = draft_offer(*last);
        QTRY_COMPARE(pieces(*offer).size(), 2);
        QVERIFY2(pieces(*offer)[1].startsWith(then), qPrintable(offer->text()));
    }

    /// Of two killed windows one was evaluating: the work of the other is not said to have been.
    void a_stopped_run_is_named_with_its_own_work() {
        {
            auto [settings, first] = this->window("stopped");
            auto [more, second] = this->window("stopped");
            open(*first);
            open(*second);
            make(*second, "w=int4/sym/channel", "of the second");
            QTest::qWait(700);
            stop_before_it_begins(*second, [&session = second->session()] {
                session.evaluate({{}, 64, 3});
                session.runList().markCutOff(); // from here on it is killed
            });
            make(*first, "w=int8/sym/channel", "of the first"); // the newest
            QTest::qWait(700);
        }
        auto [settings, window] = this->window("stopped");
        open(*window);
        const OfferBar* offer = draft_offer(*window);
        const Session& session = window->session();
        QTRY_VERIFY(!offer->isHidden() && session.runs().size() == 2);
        QTRY_VERIFY2(offer->text().contains("stopped: "), qPrintable(offer->text()));
        const QStringList lines = pieces(*offer);
        QCOMPARE(lines.size(), 2);
        QVERIFY2(lines[0].contains("of the first") && !lines[0].contains("stopped"), qPrintable(lines[0]));
        for (const Run& run : session.runs())
            QVERIFY2(lines[1].contains("of the second") &&
                         lines[1].section("stopped: ", 1).contains(run.name + ", not begun"),
                     qPrintable(lines[1]));
        // None of it need be gone on with for that, and it is offered as before.
        const Recipe shown = session.recipe();
        click(*offer, "Continue what was stopped");
        QVERIFY(!offer->isHidden() && pieces(*offer).size() == 2);
        QVERIFY2(!offer->text().contains("stopped"), qPrintable(offer->text()));
        QTRY_VERIFY_WITH_TIMEOUT(quiet(*window) && session.runs()[0].finished() && session.runs()[1].finished(),
                                 60'000);
        QVERIFY(session.recipe() == shown);
        choose(*offer, "of the first");
        click(*offer, "Discard it");
        QVERIFY2(!offer->isHidden() && pieces(*offer).isEmpty() && offer->text().contains("of the second"),
                 qPrintable(offer->text()));
    }

    /// What was saved is where it was saved, as long as that file says the same.
    void work_that_is_saved_is_not_offered_as_unsaved() {
        const QString path = folder_.filePath("kept.graticule");
        Recipe made;
        const auto opened = [&] {
            auto shown = this->window("saved");
            shown.window->openPath("sample-opt");
            [&] { QTRY_VERIFY_WITH_TIMEOUT(quiet(*shown.window), 30'000); }();
            QTest::qWait(300);
            return shown;
        };
        {
            auto [settings, window] = opened();
            window->session().editSelected([](SchemeChoice& choice) { choice = parse_scheme_line("w=int8"); }, "eight",
                                           {});
            made = window->session().recipe();
            save(*window, path);
            QTest::qWait(600);
        }
        {
            auto [settings, window] = opened();
            OfferBar* offer = draft_offer(*window);
            QTRY_VERIFY(!offer->isHidden());
            QVERIFY2(offer->text().contains("kept.graticule") && !offer->text().contains("unsaved"),
                     qPrintable(offer->text()));
            click(*offer, "Open kept.graticule");
            QTRY_VERIFY_WITH_TIMEOUT(quiet(*window) && window->session().recipe() == made, 30'000);
            QTest::qWait(600);
            QVERIFY2(offer->isHidden(), qPrintable(offer->text())); // it is open
            window->session().editSelected([](SchemeChoice& choice) { choice = parse_scheme_line("w=int6"); }, "six",
                                           {});
            QTest::qWait(600); // not saved
        }
        auto [settings, window] = opened();
        OfferBar* offer = draft_offer(*window);
        QTRY_VERIFY(!offer->isHidden());
        QVERIFY2(offer->text().contains("unsaved") && offer->text().contains("six"), qPrintable(offer->text()));
    }

    /// A disk that takes its time holds up nobody, and one that does not take it says why.
    void a_session_is_written_beside_the_event_loop() {
        auto [settings, window] = this->window("beside");
        window->openPath("sample-opt");
        QTRY_VERIFY_WITH_TIMEOUT(quiet(*window), 30'000);
        QSemaphore disk;
        held_up_by(disk, *window);
        const QString path = folder_.filePath("beside.graticule");
        window->saveSession(path);
        QVERIFY(!QFile::exists(path) && !log(*window).contains("Session written"));
        disk.release();
        QTRY_VERIFY(QFile::exists(path) && log(*window).contains("Session written to " + path));
        window->saveSession(folder_.filePath("no/such/folder/x.graticule"));
        QTRY_VERIFY2(log(*window).contains("Save session: ") && log(*window).contains("no/such/folder"),
                     qPrintable(log(*window)));
    }

    /// A run that was waiting when the window was killed is offered by name, and goes on when it is taken.
    void runs_that_were_cut_off_are_offered() {
        {
            auto [settings, window] = this->window("cut");
            cut_off_before_it_begins(*window);
        }
        auto [settings, window] = this->window("cut");
        window->openPath("sample-opt");
        QTRY_VERIFY_WITH_TIMEOUT(quiet(*window), 30'000);
        OfferBar* offer = draft_offer(*window);
        QTRY_VERIFY(!offer->isHidden());
        const Session& session = window->session();
        QCOMPARE(session.runs().size(), std::size_t(2));
        for (const Run& run : session.runs())
            QVERIFY2(offer->text().contains(run.name + ", not begun"), qPrintable(offer->text()));
        QVERIFY(window->command("run.continue")->isEnabled());
        click(*offer, "Continue");
        QTRY_VERIFY_WITH_TIMEOUT(quiet(*window) && session.runs()[0].finished() && session.runs()[1].finished(),
                                 60'000);
        QVERIFY(!window->command("run.continue")->isEnabled());
    }

    /// One that was being quantized says what is kept of that, and the table too.
    void a_run_that_was_cut_off_while_it_was_quantized_says_what_is_kept() {
        KeptLinears kept;
        {
            auto [settings, window] = this->window("amid");
            cut_off_before_it_begins(*window);
            kept = quantize_two_blocks(window->session()); // what the job had done until then
        }
        auto [settings, window] = this->window("amid");
        window->openPath("sample-opt");
        QTRY_VERIFY_WITH_TIMEOUT(quiet(*window), 30'000);
        OfferBar* offer = draft_offer(*window);
        QTRY_VERIFY(!offer->isHidden());
        const Session& session = window->session();
        QCOMPARE(session.runs().size(), std::size_t(2));
        for (const Run& run : session.runs())
            QVERIFY2(offer->text().contains(run.name + (run.full_precision ? QStringLiteral(", not begun")
                                                                           : QStringLiteral(", ") + kept_text(kept))),
                     qPrintable(offer->text()));
        const std::vector<RunRow> rows = run_rows(session);
        QVERIFY(std::ranges::any_of(rows, [&](const RunRow& row) { return row.quantized == kept.linears; }));
        click(*offer, "Continue");
        QTRY_VERIFY_WITH_TIMEOUT(quiet(*window) && session.runs()[0].finished() && session.runs()[1].finished(),
                                 60'000);
        QVERIFY(log(*window).contains("2 of ") && log(*window).contains("going on behind them"));
    }

    /// So does one that was stopped and not killed, and quantizing alone.
    void what_is_kept_of_a_quantization_is_said() {
        {
            auto [settings, window] = this->window("kept");
            open(*window);
            Session& session = window->session();
            const KeptLinears kept = quantize_two_blocks(session);
            stop_before_it_begins(*window, [&] { session.evaluate({{}, 64, 3}); });
            QTRY_VERIFY(std::ranges::any_of(run_rows(session),
                                            [&](const RunRow& row) { return row.quantized == kept.linears; }));
            const QString tip = window->command("run.quantize")->toolTip();
            QVERIFY2(tip.contains(kept_text(kept) + " before"), qPrintable(tip));
            stop_before_it_begins(*window, [&] { session.quantize(); });
            QTRY_VERIFY2(log(*window).contains(kept_text(kept) + ": quantizing again goes on behind them"),
                         qPrintable(log(*window)));
            make(*window, "w=int3/sym/channel", "three bits");
            QVERIFY(!window->command("run.quantize")->toolTip().contains("linears quantized")); // of another recipe
            QCOMPARE(quantize_two_blocks(session), kept);
            QTest::qWait(700);
        }
        auto [settings, window] = this->window("kept");
        open(*window);
        const OfferBar* offer = draft_offer(*window);
        QTRY_VERIFY2(offer->text().contains("three bits") && offer->text().contains("Kept of it: "),
                     qPrintable(offer->text()));
        click(*offer, "Go on with it");
        QTRY_VERIFY(window->command("run.quantize")->toolTip().contains("linears quantized before"));
    }

    /// What somebody asked for by --size stays, and no window is larger than its screen.
    void work_of_a_larger_window_leaves_the_size_that_was_given() {
        const QSize screen = QGuiApplication::primaryScreen()->availableSize();
        for (const bool given : {true, false}) {
            const QString who = given ? "given" : "large";
            {
                auto [settings, window] = this->window(who);
                window->openPath("sample-opt");
                QTRY_VERIFY_WITH_TIMEOUT(quiet(*window), 30'000);
                window->resize(screen * 2);
                window->session().editSelected([](SchemeChoice& choice) { choice = parse_scheme_line("w=int8"); },
                                               "eight", {});
                QTest::qWait(900);
            }
            auto [settings, window] = this->window(who);
            const QSize size = window->minimumSize();
            QVERIFY(size.height() < screen.height());
            if (given) window->giveSize(size);
            window->openPath("sample-opt");
            QTRY_VERIFY_WITH_TIMEOUT(quiet(*window) && !draft_offer(*window)->isHidden(), 30'000);
            click(*draft_offer(*window), "Go on with it");
            QCOMPARE(window->size(), given ? size : screen);
        }
    }

    /// The place of an earlier window is not one for every size.
    void a_size_that_is_given_brings_the_window_into_the_screen() {
        const QRect room = QGuiApplication::primaryScreen()->availableGeometry();
        auto [settings, window] = this->window("placed");
        const QSize least = window->minimumSize();
        window->resize(least);
        window->move(room.left(), room.bottom() - least.height());
        window->giveSize({least.width(), room.height() - 20});
        QVERIFY(window->frameGeometry().top() >= room.top());
        QVERIFY(window->frameGeometry().bottom() <= room.bottom());
        // Nor is a window shown beyond it.
        window->hide();
        window->move(room.right() - 100, room.top());
        window->show();
        const int left = room.right() + 1 - window->frameGeometry().width();
        QTRY_COMPARE(window->frameGeometry().left(), std::max(room.left(), left));
    }

    void the_same_work_is_offered_once_and_only_of_windows_that_are_gone() {
        const auto journal = [this] { return RunJournal(folder_.filePath("drafts")); }; // a window's own
        const QString model = "/models/some";
        SessionFile other = before_;
        other.notes = "another thought";
        auto first = std::make_unique<Draft>(journal()), second = std::make_unique<Draft>(journal());
        const Draft third(journal());
        first->keep(model, before_);
        second->keep(model, before_);
        QCOMPARE(third.find(model).of_open_windows, 2);
        QVERIFY(third.find(model).found.empty() && third.summary(model).isEmpty());
        first.reset();
        second.reset();
        QCOMPARE(third.find(model).found.size(), std::size_t(1));
        QVERIFY(third.find(model).found.front().file.runs.empty()); // the journal's
        {
            Draft fourth(journal());
            fourth.keep(model, other);
            fourth.keep(model, SessionFile()); // nothing was made after all
            QCOMPARE(third.find(model).of_open_windows, 0);
            fourth.keep(model, other);
            fourth.begin(); // from now on it is another draft
            QCOMPARE(fourth.find(model).found.size(), std::size_t(2));
        }
        QCOMPARE(third.find(model).found.front().file.notes, other.notes); // the newest first
        QVERIFY(third.summary(model).contains("notes"));
    }

    /// Nothing is in memory of it: the dialog says what is done first, and full precision what it is.
    void a_run_of_an_earlier_session_says_what_its_export_takes() {
        auto [settings, window] = this->window("first"); // its journal has two runs
        window->openPath("sample-opt");
        QTRY_VERIFY_WITH_TIMEOUT(quiet(*window) && window->session().runs().size() == 2, 30'000);
        QVERIFY(!window->command("run.export")->isEnabled()); // none is of the open recipe, and none is chosen
        window->runs().selectRuns({window->session().runs().at(1).id});
        QTRY_VERIFY(window->command("run.export")->isEnabled());
        window->setAsking(true);
        QString said;
        QStringList buttons;
        QTimer::singleShot(0, qApp, [&] {
            auto* dialog = qobject_cast<ExportDialog*>(QApplication::activeModalWidget());
            if (!dialog) return;
            for (const QLabel* label : dialog->findChildren<QLabel*>()) said += label->text() + u'\n';
            for (const QPushButton* button : dialog->findChildren<QPushButton*>()) buttons << button->text();
            dialog->reject();
        });
        window->command("run.export")->trigger();
        QVERIFY2(said.contains("quantized again from its recipe, calibrated 2 × 64, to the same bytes"),
                 qPrintable(said));
        QVERIFY2(buttons.contains("Quantize again and export"), qPrintable(buttons.join(", ")));
        window->setAsking(false);
        Q_EMIT window->runs().exportWanted(window->session().runs().at(0).id);
        QVERIFY2(log(*window).contains("there is nothing to write"), qPrintable(log(*window)));
    }

    /// Of several that are selected none is taken unasked, nor the open recipe in their place.
    void of_several_selected_runs_it_is_asked_which_to_export() {
        auto [settings, window] = this->window("first");
        window->openPath("sample-opt");
        QTRY_VERIFY_WITH_TIMEOUT(quiet(*window) && window->session().runs().size() == 2, 30'000);
        Session& session = window->session();
        Run second = session.runs().at(1);
        second.recipe.defaults = parse_scheme_line("w=int8/sym/channel");
        second.recipe.rules.clear();
        second.name = "eight bits";
        const int both[] = {session.runs().at(1).id, session.runList().add(second)};
        Q_EMIT session.runsChanged();
        window->runs().selectRuns({session.runs().at(0).id, both[0], both[1]});
        for (const char* verb : {"run.export", "run.report"}) { // a script's
            window->command(verb)->trigger();
            const QString said = log(*window).section(u'\n', -1);
            QVERIFY2(said.contains("2 runs are selected") && said.contains("eight bits"), qPrintable(said));
        }
        window->setAsking(true);
        QStringList offered;
        QString said;
        QTimer::singleShot(0, qApp, [&] {
            auto* question = qobject_cast<QInputDialog*>(QApplication::activeModalWidget());
            if (!question) return;
            offered = question->comboBoxItems();
            QTimer::singleShot(100, qApp, [&said] { // in the next dialog's loop
                auto* dialog = qobject_cast<ExportDialog*>(QApplication::activeModalWidget());
                if (!dialog) return;
                for (const QLabel* label : dialog->findChildren<QLabel*>()) said += label->text() + u'\n';
                dialog->reject();
            });
            question->setTextValue(offered.value(1));
            question->accept();
        });
        window->command("run.export")->trigger();
        QVERIFY2(offered.size() == 2 && offered[1].contains("eight bits"), qPrintable(offered.join(", ")));
        QVERIFY2(said.contains("Writes w=int8/sym/channel"), qPrintable(said));
        window->setAsking(false);
        session.runList().remove(both[1]);
    }

    void a_disk_that_takes_its_time_holds_up_no_opening() {
        auto [settings, window] = this->window("slow");
        window->openPath("sample-opt");
        QTRY_VERIFY_WITH_TIMEOUT(quiet(*window), 30'000);
        QSemaphore disk;
        Keeper& keeper = held_up_by(disk, *window);
        window->openPath("sample-llama");
        QTRY_VERIFY_WITH_TIMEOUT(window->session().model()->name() == "sample-llama", 30'000);
        QVERIFY(!keeper.idle());
        disk.release();
        QTRY_VERIFY_WITH_TIMEOUT(quiet(*window) && keeper.idle(), 30'000);
    }

    void the_tour_speaks_before_unsaved_work_is_offered() {
        {
            auto [settings, window] = this->window("tour");
            window->openPath("sample-opt");
            QTRY_VERIFY_WITH_TIMEOUT(quiet(*window), 30'000);
            window->session().editSelected([](SchemeChoice& choice) { choice = parse_scheme_line("w=int8"); }, "eight",
                                           {});
            QTest::qWait(900);
        }
        auto [settings, window] = this->window("tour");
        window->tour().start();
        const auto* speaking = window->findChild<OfferBar*>("tour");
        QTRY_VERIFY_WITH_TIMEOUT(!speaking->isHidden(), 30'000);
        QVERIFY(draft_offer(*window)->isHidden());
        window->tour().leave();
        QVERIFY(speaking->isHidden());
        QTRY_VERIFY(!draft_offer(*window)->isHidden());
    }

    void runs_that_are_there_already_are_not_doubled() {
        auto [settings, window] = this->window("first"); // its journal has them
        window->openPath(file_);
        QTRY_VERIFY_WITH_TIMEOUT(quiet(*window) && window->session().statsComplete(), 60'000);
        QCOMPARE(window->session().runs().size(), std::size_t(2));
        QCOMPARE(window->session().baseline(), window->session().runs()[1].id);
    }

    void runs_of_another_model_are_left_out_and_it_is_said() {
        const QByteArray hash = QByteArray::fromStdString(before_.runs[0].evaluation->provenance.model_hash);
        QVERIFY(written().contains(hash));
        const QString other = made("other.graticule", written().replace(hash, QByteArray(hash.size(), '0')));
        auto [settings, window] = this->window("third");
        QSignalSpy log(&window->session(), &Session::logged);
        window->openPath(other);
        QTRY_VERIFY_WITH_TIMEOUT(quiet(*window) && window->session().statsComplete(), 60'000);
        QVERIFY(window->session().runs().empty());
        QStringList lines;
        for (const QVariantList& call : log) lines << call[0].toString();
        QVERIFY2(lines.join('\n').contains("left out"), qPrintable(lines.join('\n')));
    }

    void runs_that_are_still_under_way_are_saved_again() {
        auto [settings, window] = this->window("sixth");
        Session& session = window->session();
        QSemaphore gate; // what waits for the engine when the model is there goes on when it is released
        connect(&session, &Session::modelChanged, &session, [&] { keep_busy(session, gate); });
        window->openPath(file_);
        QTRY_VERIFY_WITH_TIMEOUT(session.model() && session.recipe() == before_.recipe, 30'000);
        const QString early = folder_.filePath("early.graticule");
        const auto saved_whole = [&] {
            save(*window, early);
            const SessionFile saved = read_session(early);
            return losses(saved.runs) == losses(before_.runs) && saved.baseline == 1 && saved.calibrated;
        };
        QVERIFY(session.runs().empty() && saved_whole());
        QVERIFY(!log(*window).contains("is back"));
        window->command("run.cancel")->trigger();
        gate.release();
        QTRY_VERIFY_WITH_TIMEOUT(quiet(*window), 60'000);
        QVERIFY(session.runs().empty() && saved_whole());
        QVERIFY(log(*window).contains("were not taken over") && !log(*window).contains("is back"));

        auto [others, second] = this->window("seventh");
        second->openPath(early);
        QTRY_COMPARE_WITH_TIMEOUT(second->session().runs().size(), std::size_t(2), 60'000);
        QVERIFY(log(*second).contains("Session early.graticule is back"));
        QCOMPARE(second->sessionFile().runs.size(), std::size_t(2)); // once each
    }

    void a_model_that_is_opened_again_is_looked_at_as_before() {
        auto [settings, window] = this->window("again");
        open(*window);
        Session& session = window->session();
        session.select({LayerId{7}, LayerId{3}});
        window->command("view.bookmark")->trigger();
        window->layers().setFilterText("block<5");
        window->layers().sortBy(LayerTableModel::Underflow, Qt::DescendingOrder);
        window->plots().showTab(PlotArea::HeatMap);
        const SessionFile was = window->sessionFile();
        const auto before = session.model();
        window->command("file.open-again")->trigger();
        QTRY_VERIFY_WITH_TIMEOUT(session.model() != before && quiet(*window), 30'000);
        QTRY_COMPARE(session.selection(), (std::vector<LayerId>{LayerId{7}, LayerId{3}}));
        const SessionFile now = window->sessionFile();
        QVERIFY(now.view.bookmarks == was.view.bookmarks && !now.view.bookmarks.empty());
        QCOMPARE(now.view.filter, QString("block<5"));
        QCOMPARE(now.view.sort_column, int(LayerTableModel::Underflow));
        QCOMPARE(now.view.plot, int(PlotArea::HeatMap));
        // Another model has none of this.
        window->openPath("sample-llama");
        QTRY_VERIFY_WITH_TIMEOUT(session.model()->name() == "sample-llama" && quiet(*window), 30'000);
        QVERIFY(window->sessionFile().view.bookmarks.empty());
        QCOMPARE(session.selection(), std::vector<LayerId>{session.model()->linears().front().id});
    }

    void a_cancelled_opening_leaves_nothing_behind() {
        auto [settings, window] = this->window("eighth");
        Session& session = window->session();
        QSemaphore gate;
        keep_busy(session, gate);
        window->openPath("sample-opt");
        QVERIFY(std::ranges::any_of(window->findChildren<QLabel*>(), [](const QLabel* label) {
            return label->isVisible() && label->text().startsWith("Opening sample-opt");
        }));
        window->openPath(file_);
        QTRY_VERIFY(window->command("run.cancel")->isEnabled());
        window->command("run.cancel")->trigger();
        gate.release();
        QTRY_VERIFY_WITH_TIMEOUT(!session.jobs().busy(), 30'000);
        QVERIFY(!session.model());
        session.open("sample-opt"); // by whatever way
        QTRY_VERIFY_WITH_TIMEOUT(quiet(*window), 30'000);
        QVERIFY(session.recipe() == starting_recipe(*session.model()) && session.runs().empty());
        QVERIFY(window->layers().filterText().isEmpty());
    }

    void keys_while_a_session_is_opened_open_nothing_else() {
        auto [settings, window] = this->window("keys");
        Session& session = window->session();
        QVERIFY(QTest::qWaitForWindowActive(window.get()));
        QSemaphore gate;
        keep_busy(session, gate);
        window->openPath(file_);
        for (const char* name :
             {"file.open-folder", "file.open-file", "file.open-session", "file.sample-opt", "help.tour"})
            QVERIFY2(!window->command(name)->isEnabled(), name);
        auto* page = window->findChild<WelcomePage*>();
        QVERIFY(std::ranges::any_of(page->findChildren<QLabel*>(), [](const QLabel* label) {
            return label->isVisible() && label->text().startsWith("Opening mine.graticule");
        }));
        QVERIFY(QApplication::focusWidget() &&
                (page == QApplication::focusWidget() || page->isAncestorOf(QApplication::focusWidget())));
        QTest::keyClick(QApplication::focusWidget(), Qt::Key_Return);
        gate.release();
        QTRY_VERIFY_WITH_TIMEOUT(quiet(*window) && session.runs().size() == 2, 60'000);
        QVERIFY(session.recipe() == before_.recipe);
        QCOMPARE(std::ranges::count_if(session.jobs().jobs(),
                                       [](const JobView& job) { return job.tag == QLatin1String(Session::open_tag); }),
                 1);
        QVERIFY(window->command("file.sample-opt")->isEnabled());
    }

    void a_session_asked_for_after_another_is_the_one_that_comes() {
        SessionFile other = before_;
        other.model = "sample-llama";
        other.selection.clear();
        const QString path = folder_.filePath("other.graticule");
        write_session(path, other);
        auto [settings, window] = this->window("ninth");
        Session& session = window->session();
        window->openPath("sample-opt");
        QTRY_VERIFY_WITH_TIMEOUT(session.jobs().jobs().back().state != JobState::waiting, 30'000);
        window->openPath(path); // while the first one is being read, or later
        QTRY_VERIFY_WITH_TIMEOUT(quiet(*window) && session.model()->name() == "sample-llama", 30'000);
        QVERIFY(session.recipe() == before_.recipe);
    }

    void the_file_offered_is_of_the_model_that_is_open() {
        auto [settings, window] = this->window("tenth");
        window->openPath(file_);
        QTRY_VERIFY_WITH_TIMEOUT(quiet(*window) && window->session().runs().size() == 2, 60'000);
        QCOMPARE(offered(*window), QString("mine.graticule"));
        window->openPath("sample-llama");
        QTRY_VERIFY_WITH_TIMEOUT(quiet(*window) && window->session().model()->name() == "sample-llama", 30'000);
        QCOMPARE(offered(*window), QString("sample-llama.graticule"));
    }

    void a_session_chosen_as_a_model_file_is_opened_as_a_session() {
        auto [settings, window] = this->window("eleventh");
        QTimer::singleShot(0, qApp, [this] {
            auto* dialog = qobject_cast<QFileDialog*>(QApplication::activeModalWidget());
            if (!dialog) return;
            dialog->selectNameFilter("All files (*)");
            dialog->selectFile(file_);
            QMetaObject::invokeMethod(dialog, "accept");
        });
        window->command("file.open-file")->trigger();
        QTRY_VERIFY_WITH_TIMEOUT(quiet(*window) && window->session().recipe() == before_.recipe, 60'000);
    }

    void a_bad_file_is_named_and_nothing_changes_data() {
        QTest::addColumn<QByteArray>("from");
        QTest::addColumn<QByteArray>("to");
        QTest::addColumn<QString>("said");
        QTest::newRow("another kind of JSON")
            << QByteArray("graticule session") << QByteArray("shopping list") << "is no session";
        QTest::newRow("of a later program") << QByteArray("\"schema\": 1,\n \"selection\"")
                                            << QByteArray("\"schema\": 9,\n \"selection\"") << "schema 9";
        QTest::newRow("no such format") << QByteArray("\"dint4\"") << QByteArray("\"dint44\"") << "dint44";
        QTest::newRow("a baseline that is not there")
            << QByteArray("\"baseline\": 1") << QByteArray("\"baseline\": 7") << "baseline 7";
        QTest::newRow("a run without losses")
            << QByteArray("\"window_losses\"") << QByteArray("\"lost\"") << "window_losses";
        QTest::newRow("a number for a text")
            << QByteArray("\"filter\": \"block<5\"") << QByteArray("\"filter\": 5") << "damaged";
        QTest::newRow("cut off") << QByteArray() << QByteArray() << "";
    }
    void a_bad_file_is_named_and_nothing_changes() {
        QFETCH(QByteArray, from);
        QFETCH(QByteArray, to);
        QFETCH(QString, said);
        QByteArray bytes = written();
        if (from.isEmpty())
            bytes.chop(bytes.size() / 2);
        else
            QVERIFY(bytes.contains(from));
        const QString bad = made("bad.graticule", from.isEmpty() ? bytes : bytes.replace(from, to));
        const QString message = QString::fromStdString(error_message([&] { (void)read_session(bad); }));
        QVERIFY2(message.contains("bad.graticule") && message.contains(said), qPrintable(message));
        auto [settings, window] = this->window("fourth");
        window->openPath("sample-llama");
        QTRY_VERIFY_WITH_TIMEOUT(quiet(*window), 30'000);
        const SessionFile was = window->sessionFile();
        window->openPath(bad);
        QVERIFY(!window->session().jobs().busy());
        QCOMPARE(window->session().model()->name(), std::string("sample-llama"));
        QVERIFY(window->session().recipe() == was.recipe && window->sessionFile().view == was.view);
    }

    void a_model_that_is_not_there_leaves_what_is_open() {
        SessionFile lost = before_;
        lost.model = folder_.filePath("no-such-model");
        const QString path = folder_.filePath("lost.graticule");
        write_session(path, lost);
        auto [settings, window] = this->window("fifth");
        QSignalSpy refused(&window->session(), &Session::openFailed);
        window->openPath(path);
        QTRY_COMPARE_WITH_TIMEOUT(refused.size(), 1, 30'000);
        QVERIFY(refused[0][0].toString().contains("no-such-model"));
        window->openPath("sample-llama"); // the session that failed does not lay itself over the next model
        QTRY_VERIFY_WITH_TIMEOUT(quiet(*window), 30'000);
        QVERIFY(window->session().recipe() == starting_recipe(*window->session().model()));
    }

    void a_session_moved_together_with_its_model_finds_it() {
        const QDir here(folder_.path());
        QVERIFY(here.mkpath("work/model"));
        SessionFile file = before_;
        file.model = here.filePath("work/model");
        write_session(here.filePath("work/mine.graticule"), file);
        QCOMPARE(read_session(here.filePath("work/mine.graticule")).model, here.filePath("work/model"));
        QVERIFY(QDir(folder_.path()).rename("work", "elsewhere"));
        QCOMPARE(read_session(here.filePath("elsewhere/mine.graticule")).model, here.filePath("elsewhere/model"));
    }

    void a_place_that_cannot_be_written_is_named() {
        const QString nowhere = folder_.filePath("no/such/folder/mine.graticule");
        const QString message = QString::fromStdString(error_message([&] { write_session(nowhere, before_); }));
        QVERIFY2(message.contains(nowhere), qPrintable(message));
    }
};

GRATICULE_TEST(SessionFileTest);
#include "tst_session_file.moc"
