// Evaluations of the window on another machine, here by a worker without ssh: in the same line of the runs, with the
// same figures, and there when the window comes back.
#include <QtCore/QDir>
#include <QtCore/QFile>
#include <QtCore/QTemporaryDir>
#include <QtGui/QClipboard>
#include <QtGui/QGuiApplication>
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>
#include <QtWidgets/QPushButton>
#include <csignal>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/resource.h>
#include <unistd.h>

#include "app/remote/job_events.h"
#include "app/remote/line_reader.h"
#include "app/window/device_chooser.h"
#include "app/window/table_rows.h"
#include "tests/app/shown_window.h"
#include "tests/support/test_main.h"
#include "widgets/models/empty_hint.h"
#include "widgets/panels/runs_panel.h"

using namespace graticule;

class WindowElsewhereTest : public QObject {
    Q_OBJECT

    QTemporaryDir folder_;
    std::unique_ptr<QSettings> settings_;
    std::unique_ptr<MainWindow> window_;

    [[nodiscard]] Session& session() { return window_->session(); }
    [[nodiscard]] bool quiet() { return !session().jobs().busy() && session().whatIfs().idle(); }
    [[nodiscard]] QString store() const { return folder_.filePath("jobs"); }
    [[nodiscard]] Machine machine() const {
        return {QStringLiteral("'" GRATICULE_BUILD_DIR "/bin/graticule-cli' worker --jobs '%1'").arg(store()),
                "sample-opt"};
    }
    [[nodiscard]] DeviceChooser& chooser() { return *window_->findChild<DeviceChooser*>(); }
    [[nodiscard]] const Run& recipeRun() {
        return *std::find_if(session().runs().rbegin(), session().runs().rend(),
                             [](const Run& run) { return !run.full_precision; });
    }

    /// Of many windows, so that there are some to go amid.
    [[nodiscard]] EvaluationChoice longChoice() const {
        const QString path = folder_.filePath("long.txt");
        QFile shipped(QStringLiteral(GRATICULE_SOURCE_DIR "/resources/samples/text/evaluation.txt")), file(path);
        if (shipped.open(QIODevice::ReadOnly) && file.open(QIODevice::WriteOnly))
            file.write(shipped.readAll().repeated(3));
        return {path, 256, 100};
    }

    [[nodiscard]] std::vector<Run> keptRuns() {
        session().runList().keeper().finish();
        const std::string file = session().model()->parts().path.string();
        return session().runList().journal().read(QString::fromStdString(file), {});
    }

    [[nodiscard]] bool someWindows() {
        const std::vector<Run>& runs = session().runs();
        return !runs.empty() && runs.front().evaluation && runs.front().evaluation->window_losses.size() > 2;
    }

    void open() {
        const QString own = folder_.filePath(QLatin1String(QTest::currentTestFunction())); // with runs of its own
        QVERIFY(QDir().mkpath(own));
        auto [settings, window] = testing::show_window(own + "/settings.ini");
        settings_ = std::move(settings);
        window_ = std::move(window);
        window_->openPath("sample-opt");
        QTRY_VERIFY_WITH_TIMEOUT(session().model() != nullptr && quiet(), 60'000);
    }
    void close() {
        window_.reset();
        settings_.reset();
    }
    void reach() {
        session().reachMachine(machine());
        QTRY_VERIFY_WITH_TIMEOUT(session().machine() && quiet(), 60'000);
    }
    /// The lines of all jobs in the store that have the word.
    [[nodiscard]] int lines_with(const QByteArray& word) const {
        int count = 0;
        for (const QString& job : QDir(store()).entryList(QDir::Dirs | QDir::NoDotAndDotDot))
            for (const QString& name : QDir(store() + '/' + job).entryList({"events.*"}, QDir::Files)) {
                QFile file(store() + '/' + job + '/' + name);
                if (file.open(QIODevice::ReadOnly)) count += static_cast<int>(file.readAll().count(word));
            }
        return count;
    }
    [[nodiscard]] bool startedTwice() const {
        for (const QString& job : QDir(store()).entryList(QDir::Dirs | QDir::NoDotAndDotDot))
            if (QFile::exists(store() + '/' + job + "/events.2")) return true;
        return false;
    }

private Q_SLOTS:
    void init() { open(); }
    void cleanup() {
        close();
        QDir(store()).removeRecursively();
    }

    void evaluations_are_the_same_as_here_and_say_where_they_were_made() {
        const int here = chooser().count();
        reach();
        QVERIFY(chooser().count() > here);
        QCOMPARE(session().deviceElsewhere(), std::string("cpu")); // of this machine, which has no card or may have one
        QVERIFY2(chooser().currentText().contains(session().machine()->host()), qPrintable(chooser().currentText()));
        Recipe recipe = session().recipe();
        recipe.defaults = parse_scheme_line("w=int4/asym/g64");
        session().setRecipe(recipe, "test");
        const EvaluationChoice choice{{}, 128, 4};
        session().evaluate(choice);
        QTRY_VERIFY_WITH_TIMEOUT(quiet(), 120'000);
        QCOMPARE(session().runs().size(), std::size_t(2)); // full precision first
        const Evaluation there = *recipeRun().evaluation;
        QVERIFY(recipeRun().finished());
        QCOMPARE(QString::fromStdString(there.provenance.host), session().machine()->host());
        QVERIFY(!recipeRun().quantized && recipeRun().bytes > 0);
        // Wherever a run is named, so is the machine that it is of.
        const QString host = session().machine()->host();
        for (const RunName& name : session().runList().names())
            QVERIFY2(name.name.endsWith(" · on " + host), qPrintable(name.name));
        QVERIFY(run_rows(session()).back().name.endsWith(" · on " + host));
        QVERIFY(run_rows(session()).back().protocol.endsWith(", cpu on " + host));
        const QString tip = window_->command("run.evaluate")->toolTip();
        QVERIFY2(tip.contains("Runs on " + host + " (cpu)"), qPrintable(tip));
        window_->plots().compareRuns(session().runs()[0].id, recipeRun().id);
        const auto hints = window_->plots().findChildren<EmptyHint*>();
        QVERIFY(std::ranges::any_of(hints, [&](const EmptyHint* hint) {
            return hint->text().contains("they stayed on " + host) && hint->text().contains("has no errors");
        }));
        Q_EMIT window_->runs().commandLineWanted(recipeRun().id);
        const QString line = QGuiApplication::clipboard()->text();
        QVERIFY2(line.startsWith("graticule-cli eval sample-opt --recipe") && line.contains(" --worker "),
                 qPrintable(line));
        session().setDevice("cpu");
        session().evaluate(choice);
        QTRY_VERIFY_WITH_TIMEOUT(quiet(), 120'000);
        QCOMPARE(session().runs().size(), std::size_t(3));
        QVERIFY(recipeRun().evaluation->provenance.host.empty());
        QVERIFY(!session().runList().names().back().name.contains(" · on "));
        QVERIFY(!window_->command("run.evaluate")->toolTip().contains("Runs on"));
        QCOMPARE(recipeRun().evaluation->window_losses, there.window_losses);
        QCOMPARE(recipeRun().evaluation->protocol, there.protocol);
        QCOMPARE(recipeRun().weight_bits.actual, session().runs()[1].weight_bits.actual);
        QVERIFY(chooser().currentText() == "CPU");
    }

    void a_window_that_comes_back_finds_what_went_on() {
        reach();
        const EvaluationChoice choice = longChoice();
        session().evaluate(choice);
        QVERIFY(keptRuns().size() == 2); // from when they were asked for
        QTRY_VERIFY_WITH_TIMEOUT(someWindows(), 120'000);
        const std::size_t seen = session().runs().front().losses().size();
        QTRY_VERIFY_WITH_TIMEOUT(keptRuns().front().losses().size() >= seen, 700); // what a kill would leave
        JobPace pace;
        QCOMPARE(job_rows(session(), pace).back().state, JobState::waiting);
        int running = 0;
        for (const JobRow& row : job_rows(session(), pace)) { // as far as the curve
            if (row.state != JobState::running) continue;
            QCOMPARE(row.done, std::int64_t(session().runs().front().losses().size()));
            ++running;
        }
        QCOMPARE(running, 1);
        close(); // amid it
        const int before = lines_with("\"window\"");
        QTRY_VERIFY_WITH_TIMEOUT(lines_with("\"window\"") > before, 60'000); // it goes on
        QCOMPARE(lines_with("\"cancelled\""), 0);
        open();
        // Full precision, which was under way, and the recipe, which waited.
        QTRY_VERIFY_WITH_TIMEOUT(session().runs().size() == 2 && session().runs().front().resumable(), 60'000);
        // The one that had not begun knows where it is to be made: continuing it here would be another run.
        QVERIFY(!recipeRun().hasWindows() && !recipeRun().madeOn().isEmpty());
        QSignalSpy failed(&session(), &Session::failed);
        session().continueRun(recipeRun().id);
        QCOMPARE(failed.count(), 1);
        QVERIFY(failed.front().at(1).toString().contains("connect to that machine first"));
        std::vector<int> all;
        for (const Run& run : session().runs()) all.push_back(run.id);
        session().reachMachine(machine(), all); // and then they go on
        QTRY_VERIFY_WITH_TIMEOUT(session().machine() && quiet(), 300'000);
        QCOMPARE(session().runs().size(), std::size_t(2));
        for (const Run& run : session().runs()) QVERIFY(run.finished());
        QVERIFY(!startedTwice());
    }

    void cancelling_stops_the_job_there() {
        reach();
        session().evaluate(longChoice());
        QTRY_VERIFY_WITH_TIMEOUT(someWindows(), 120'000);
        session().jobs().cancelAll();
        QTRY_VERIFY_WITH_TIMEOUT(quiet(), 60'000);
        QTRY_COMPARE_WITH_TIMEOUT(lines_with("\"cancelled\""), 1, 30'000);
        QVERIFY(session().runs().front().resumable());
    }

    void what_cannot_be_is_said_and_nothing_changes() {
        QSignalSpy failed(&session(), &Session::failed);
        session().reachMachine({"echo nobody at home >&2; exit 9", "sample-opt"});
        QTRY_COMPARE_WITH_TIMEOUT(failed.count(), 1, 60'000);
        const QString text = failed.front().at(1).toString();
        QVERIFY2(text.contains("exit code 9") && text.contains("nobody at home"), qPrintable(text));
        QVERIFY(!session().machine() && session().deviceElsewhere().empty());
        // Another model lies there.
        Machine wrong = machine();
        wrong.model = "sample-llama";
        session().reachMachine(wrong);
        QTRY_VERIFY_WITH_TIMEOUT(session().machine() && quiet(), 60'000);
        session().evaluate({{}, 64, 1});
        QTRY_VERIFY_WITH_TIMEOUT(quiet(), 60'000);
        QCOMPARE(failed.count(), 3); // of both runs
        QVERIFY2(failed.back().at(1).toString().contains("is another model"),
                 qPrintable(failed.back().at(1).toString()));
    }

    void another_model_is_evaluated_here_until_it_is_said_where_it_lies() {
        reach();
        window_->openPath("sample-llama");
        QTRY_VERIFY_WITH_TIMEOUT(session().modelPath() == "sample-llama" && quiet(), 60'000);
        QVERIFY(!session().machine());
        QCOMPARE(chooser().currentText(), QString("CPU"));
    }

    void lines_come_whole_or_not_at_all() {
        int ends[2];
        QCOMPARE(::pipe(ends), 0);
        LineReader lines(ends[0], 10, "a pipe");
        const auto next = [&] { return lines.next(std::chrono::milliseconds(0)); };
        QVERIFY(!next());
        QCOMPARE(::write(ends[1], "one\ntw", 6), ssize_t(6));
        QCOMPARE(next().value(), std::string("one"));
        QVERIFY(!next() && !lines.ended());
        QCOMPARE(::write(ends[1], "o\n\nrest", 7), ssize_t(7));
        QCOMPARE(next().value(), std::string("two"));
        QCOMPARE(next().value(), std::string());
        ::close(ends[1]);
        QVERIFY(!next() && lines.ended()); // the rest is no line
        ::close(ends[0]);
        QCOMPARE(::pipe(ends), 0);
        LineReader bounded(ends[0], 10, "a pipe");
        QCOMPARE(::write(ends[1], "more than ten", 13), ssize_t(13));
        QVERIFY_EXCEPTION_THROWN((void)bounded.next(std::chrono::milliseconds(0)), Error);
        ::close(ends[0]);
        ::close(ends[1]);
    }

    void a_jobs_lines_are_checked_data() {
        QTest::addColumn<QByteArray>("lines");
        QTest::addColumn<int>("taken");
        const QByteArray job = "\"job\":\"a\",\"run\":1,";
        QTest::newRow("progress") << "{\"event\":\"progress\"," + job + "\"n\":0}\n" << 1;
        QTest::newRow("of another job") << QByteArray("{\"event\":\"log\",\"job\":\"b\",\"run\":1,\"n\":0}\n") << 0;
        QTest::newRow("of another run") << QByteArray("{\"event\":\"log\",\"job\":\"a\",\"run\":2,\"n\":0}\n") << 0;
        QTest::newRow("one is missing") << "{\"event\":\"log\"," + job + "\"n\":1}\n" << 0;
        QTest::newRow("a window of nothing") << "{\"event\":\"window\"," + job + "\"n\":0,\"loss\":1,\"seconds\":1}\n"
                                             << 0;
        QTest::newRow("no evaluation") << "{\"event\":\"evaluation\"," + job + "\"n\":0,\"evaluation\":{}}\n" << 0;
        QTest::newRow("done with nothing") << "{\"event\":\"done\"," + job + "\"n\":0}\n" << 0;
        QTest::newRow("torn") << "{\"event\":\"log\"," + job + "\"n\":0}\n{\"event\":\"lo" << 1;
    }
    void a_jobs_lines_are_checked() {
        QFETCH(QByteArray, lines);
        QFETCH(int, taken);
        QFile file(folder_.filePath("events"));
        QVERIFY(file.open(QIODevice::WriteOnly) && file.write(lines) == lines.size());
        file.close();
        const JobNews news = read_events(file.fileName().toStdString(), "a", 1);
        QVERIFY(news.end() == JobNews::End::none);
        QVERIFY(!news.evaluation());
        QVERIFY(news.next() <= 1);
        if (taken == 1) QCOMPARE(news.next(), std::int64_t(1));
    }

    // Half a line stands in the file: what is written behind it would be no line.
    void after_a_failure_of_writing_nothing_follows() {
        const std::string path = folder_.filePath("full").toStdString();
        QFile file(QString::fromStdString(path));
        QVERIFY(file.open(QIODevice::WriteOnly));
        JobEvents events(path, "a", 1);
        events.write({{"event", "log"}, {"text", "one"}});
        rlimit usual = {};
        QCOMPARE(::getrlimit(RLIMIT_FSIZE, &usual), 0);
        const auto handler = ::signal(SIGXFSZ, SIG_IGN);
        rlimit narrow = usual;
        narrow.rlim_cur = static_cast<rlim_t>(QFileInfo(file).size()) + 10;
        QCOMPARE(::setrlimit(RLIMIT_FSIZE, &narrow), 0);
        QVERIFY_EXCEPTION_THROWN(events.write({{"event", "log"}, {"text", "two"}}), Error);
        QCOMPARE(::setrlimit(RLIMIT_FSIZE, &usual), 0);
        ::signal(SIGXFSZ, handler);
        QVERIFY_EXCEPTION_THROWN(events.write({{"event", "log"}, {"text", "three"}}), Error);
        QCOMPARE(read_events(path, "a", 1).next(), std::int64_t(1));
    }
};

GRATICULE_TEST(WindowElsewhereTest);
#include "tst_window_elsewhere.moc"
