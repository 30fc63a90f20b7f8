// A worker as another machine has it, here by a command without ssh: the same figures, jobs that survive whoever goes,
// and lines that nobody should send.
#include <QElapsedTimer>
#include <QFile>
#include <QTemporaryDir>
#include <QThread>
#include <QtTest/QTest>
#include <fcntl.h>
#include <sys/file.h>

#include "tests/app/cli/cli_process.h"
#include "tests/support/test_main.h"

using namespace graticule::testing;
using nlohmann::json;

namespace {

/// Processes that were started with all of these words.
QList<pid_t> processes_with(const QStringList& words) {
    QList<pid_t> found;
    for (const QString& entry : QDir("/proc").entryList(QDir::Dirs | QDir::NoDotAndDotDot)) {
        QFile file("/proc/" + entry + "/cmdline");
        if (entry.toInt() <= 0 || !file.open(QIODevice::ReadOnly)) continue;
        const QList<QByteArray> line = file.readAll().split('\0');
        const bool all = std::all_of(words.begin(), words.end(), [&](const QString& word) {
            return std::any_of(line.begin(), line.end(), [&](const QByteArray& each) { return each == word.toUtf8(); });
        });
        if (all) found << entry.toInt();
    }
    return found;
}

QByteArray content(const QString& path) {
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

} // namespace

class CliWorkerTest : public QObject {
    Q_OBJECT

    QTemporaryDir folder_;

    [[nodiscard]] QString store(const QString& name) const { return folder_.filePath(name); }
    [[nodiscard]] static QString worker(const QString& store) {
        return QStringLiteral("'%1' worker --jobs '%2'").arg(cli_program(), store);
    }
    /// The only job that the store holds.
    [[nodiscard]] static QString job(const QString& store) {
        const QStringList jobs = QDir(store).entryList(QDir::Dirs | QDir::NoDotAndDotDot);
        return jobs.size() == 1 ? QDir(store).filePath(jobs.front()) : QString();
    }
    /// All that it has said, of whatever run.
    [[nodiscard]] static QByteArray said(const QString& store) {
        QByteArray all;
        const QString folder = job(store);
        for (const QString& name : entries(folder))
            if (name.startsWith("events.")) all += content(QDir(folder).filePath(name));
        return all;
    }
    /// A long one: there are windows to be interrupted between.
    [[nodiscard]] QStringList long_words() const {
        return {"eval",      "sample-opt",
                "--recipe",  "w=int4/asym/g64 a=int8/sym/token",
                "--text",    folder_.filePath("long.txt"),
                "--window",  "256",
                "--windows", "100",
                "--json"};
    }
    [[nodiscard]] static QStringList on(const QString& store, QStringList words) {
        return words << "--worker" << worker(store);
    }
    /// The figures of long_words() computed here.
    [[nodiscard]] const json& here() {
        if (here_.is_null()) here_ = run_cli(long_words()).json();
        return here_;
    }
    json here_;

    static void compare_results(const json& here, const json& there) {
        for (const char* name : {"perplexity", "standard_error", "window_losses", "tokens", "protocol", "kernels"})
            QCOMPARE(there.at(name).dump(), here.at(name).dump());
        json provenance = there.at("provenance");
        QVERIFY(!provenance.at("host").get<std::string>().empty());
        provenance.erase("host");
        QCOMPARE(provenance.dump(), here.at("provenance").dump());
        for (const char* name : {"bits_per_weight", "ideal_bits_per_weight", "bytes_before", "bytes_after"})
            if (here.contains(name)) QCOMPARE(there.at(name).dump(), here.at(name).dump());
        QCOMPARE(there.size(), here.size());
    }

    /// Starts the long one and waits until its job has some windows.
    void begin(QProcess& process, const QString& at) {
        process.start(cli_program(), on(at, long_words()));
        QTRY_VERIFY_WITH_TIMEOUT(said(at).count("\"window\"") > 2, 120'000);
    }

    /// A worker that says all but this at once.
    [[nodiscard]] static QString slow_to_say(const QString& event, const QString& store, int seconds) {
        return QStringLiteral("%1 | while read -r line; do case $line in *'\"event\":\"%2\"'*) sleep %3;; esac; "
                              "printf '%s\\n' \"$line\"; done")
            .arg(worker(store), event)
            .arg(seconds);
    }
    /// What starts a job, with these changes; without any it fails, because no model has that hash.
    static QByteArray start_line(const json& changes) {
        json asked = {{"model", "sample-opt"},
                      {"model_hash", std::string(64, 'a')},
                      {"device", "cpu"},
                      {"precision", "float32"},
                      {"arithmetic", "simulated"},
                      {"weight_budget", -1},
                      {"recipe", nullptr},
                      {"served_as", ""},
                      {"calibration", {{"name", ""}, {"content", ""}}},
                      {"text", {{"name", ""}, {"content", ""}}},
                      {"text_rule", "auto"},
                      {"protocol", "gptq"},
                      {"window", 64},
                      {"windows", 1}};
        asked.update(changes);
        return QByteArray::fromStdString(json{{"ask", "start"}, {"order", asked}}.dump());
    }

    static QList<json> ask(const QString& store, const QByteArray& lines, int code = 0) {
        QProcess process;
        process.start(cli_program(), {"worker", "--jobs", store});
        process.write(lines);
        process.closeWriteChannel();
        const Outcome outcome = collect(process);
        if (outcome.code != code) qWarning("exit code %d, %s", outcome.code, outcome.err.constData());
        QList<json> answers;
        for (const QByteArray& line : outcome.out.split('\n'))
            if (!line.isEmpty()) answers << json::parse(line.begin(), line.end());
        return answers;
    }

private Q_SLOTS:
    void initTestCase() {
        QFile file(folder_.filePath("long.txt"));
        const QByteArray text = content(QStringLiteral(GRATICULE_SOURCE_DIR "/resources/samples/text/evaluation.txt"));
        QVERIFY(!text.isEmpty() && file.open(QIODevice::WriteOnly) && file.write(text.repeated(3)) > 0);
    }

    void an_evaluation_there_is_the_one_here_data() {
        QTest::addColumn<QStringList>("words");
        const QString text = QStringLiteral(GRATICULE_SOURCE_DIR "/resources/samples/text/evaluation.txt");
        QTest::newRow("full precision") << QStringList{"--window", "128", "--windows", "3"};
        QTest::newRow("recipe that looks at samples of a text")
            << QStringList{"--recipe",        "w=int4/asym/g64 a=int8/sym/token gptq",
                           "--calib",         text,
                           "--calib-samples", "2",
                           "--calib-length",  "64",
                           "--window",        "128",
                           "--windows",       "3"};
        QTest::newRow("text, rule, protocol, target and type of its own")
            << QStringList{"--recipe",    "w=int4/sym/g128 a=int8/sym/token",
                           "--as",        "vllm-sm90",
                           "--text",      text,
                           "--text-rule", "gptq",
                           "--protocol",  "llama.cpp",
                           "--window",    "64",
                           "--windows",   "2",
                           "--precision", "bfloat16"};
    }
    void an_evaluation_there_is_the_one_here() {
        QFETCH(QStringList, words);
        words = QStringList{"eval", "sample-opt", "--json"} + words;
        const Outcome here = run_cli(words), there = run_cli(on(store("same"), words));
        QVERIFY2(here.code == 0, here.err);
        QVERIFY2(there.code == 0, there.err);
        compare_results(here.json(), there.json());
        // Asked again, the worker knows it: the same bytes, the seconds too.
        const Outcome again = run_cli(on(store("same"), words));
        QVERIFY2(again.err.contains("done on"), again.err);
        QCOMPARE(again.out, there.out);
    }

    void a_worker_that_is_killed_is_started_again_and_finds_the_job() {
        QProcess process;
        begin(process, store("worker"));
        const QList<pid_t> workers = processes_with({"worker", "--jobs", store("worker")});
        QVERIFY(!workers.isEmpty());
        for (const pid_t worker : workers) ::kill(worker, SIGKILL);
        const Outcome outcome = collect(process);
        QVERIFY2(outcome.code == 0, outcome.err);
        QVERIFY2(outcome.err.contains("again"), outcome.err);
        compare_results(here(), outcome.json());
        QVERIFY(QFile::exists(job(store("worker")) + "/events.1")); // it was never started again
    }

    void a_job_that_is_killed_goes_on_behind_its_windows() {
        QProcess process;
        begin(process, store("job"));
        const QList<pid_t> jobs = processes_with({"worker", "--do", job(store("job"))});
        QCOMPARE(jobs.size(), 1);
        ::kill(jobs.front(), SIGKILL);
        const Outcome outcome = collect(process);
        QVERIFY2(outcome.code == 0, outcome.err);
        QVERIFY2(outcome.err.contains("gone before its end"), outcome.err);
        QVERIFY2(outcome.err.contains("going on after window"), outcome.err);
        compare_results(here(), outcome.json());
    }

    void who_asked_may_go_and_come_back() {
        QProcess process;
        begin(process, store("asker"));
        process.kill();
        process.waitForFinished();
        QVERIFY(!processes_with({"worker", "--do", job(store("asker"))}).isEmpty());
        const Outcome outcome = run_cli(on(store("asker"), long_words()));
        QVERIFY2(outcome.code == 0, outcome.err);
        compare_results(here(), outcome.json());
        QVERIFY(QFile::exists(job(store("asker")) + "/events.1"));
    }

    void cancelling_stops_the_job_and_asking_again_goes_on() {
        QProcess process;
        begin(process, store("cancel"));
        ::kill(static_cast<pid_t>(process.processId()), SIGINT);
        const Outcome stopped = collect(process);
        QCOMPARE(stopped.code, 130);
        QVERIFY2(!(stopped.out + stopped.err).contains("nothing was left behind"), stopped.out + stopped.err);
        QVERIFY2(stopped.out.contains("no file was written on this machine") && stopped.err.contains(" stay on "),
                 stopped.out + stopped.err);
        // At once: its process may still be there, and its end not told.
        const Outcome outcome = run_cli(on(store("cancel"), long_words()));
        QVERIFY2(outcome.code == 0, outcome.err);
        QVERIFY2(outcome.err.contains("going on after window"), outcome.err);
        compare_results(here(), outcome.json());
    }

    void cancelling_while_the_job_starts_stops_it() {
        QProcess process; // the answer takes its time
        process.start(cli_program(), long_words() << "--worker" << slow_to_say("started", store("early"), 3));
        QTRY_VERIFY_WITH_TIMEOUT(!job(store("early")).isEmpty(), 60'000);
        QTRY_VERIFY_WITH_TIMEOUT(!processes_with({"worker", "--do", job(store("early"))}).isEmpty(), 60'000);
        ::kill(static_cast<pid_t>(process.processId()), SIGINT);
        QCOMPARE(collect(process).code, 130);
        QTRY_VERIFY_WITH_TIMEOUT(processes_with({"worker", "--do", job(store("early"))}).isEmpty(), 30'000);
        QVERIFY2(said(store("early")).contains("\"cancelled\""), said(store("early")).right(300));
    }

    void cancelling_asks_again_where_the_connection_does_not_answer() {
        QProcess process;
        const QString once =
            QStringLiteral("if mkdir '%1'; then %2; else exec %3; fi")
                .arg(folder_.filePath("once"), slow_to_say("cancelling", store("deaf"), 1000), worker(store("deaf")));
        process.start(cli_program(), long_words() << "--worker" << once);
        QTRY_VERIFY_WITH_TIMEOUT(said(store("deaf")).count("\"window\"") > 2, 120'000);
        QElapsedTimer clock;
        clock.start();
        ::kill(static_cast<pid_t>(process.processId()), SIGINT);
        QCOMPARE(collect(process).code, 130);
        QVERIFY2(clock.elapsed() < 25'000, qPrintable(QString::number(clock.elapsed())));
        QVERIFY(processes_with({"sleep", "1000"}).isEmpty()); // what the shell ran goes with it
    }

    void runs_that_end_before_their_first_line_lose_no_windows() {
        QProcess process;
        begin(process, store("empty"));
        const QList<pid_t> jobs = processes_with({"worker", "--do", job(store("empty"))});
        QCOMPARE(jobs.size(), 1);
        process.kill();
        process.waitForFinished();
        ::kill(jobs.front(), SIGKILL);
        for (const char* name : {"/events.2", "/events.3"}) {
            QFile file(job(store("empty")) + name);
            QVERIFY(file.open(QIODevice::WriteOnly));
        }
        const Outcome outcome = run_cli(on(store("empty"), long_words()));
        QVERIFY2(outcome.code == 0, outcome.err);
        QVERIFY2(outcome.err.contains("going on after window"), outcome.err);
        compare_results(here(), outcome.json());
        QCOMPARE(QDir(job(store("empty"))).entryList({"events.*"}), QStringList{"events.4"});
    }

    // The order is of another model: its jobs fail, each after the other, when nobody asks at the same time.
    void those_who_ask_at_once_follow_one_job() {
        QList<std::shared_ptr<QProcess>> workers;
        for (int i = 0; i < 4; ++i) {
            auto process = std::make_shared<QProcess>();
            process->start(cli_program(), {"worker", "--jobs", store("once")});
            process->write("{\"ask\":\"hello\",\"protocol\":1}\n");
            workers << process;
        }
        for (const auto& process : workers) {
            QTRY_VERIFY_WITH_TIMEOUT(process->canReadLine(), 60'000);
            QVERIFY(process->readLine().contains("\"hello\""));
        }
        const QByteArray asked = start_line(json::object());
        for (const auto& process : workers) process->write(asked + '\n');
        int began = 0, newest = 0;
        for (const auto& process : workers) {
            QTRY_VERIFY_WITH_TIMEOUT(process->canReadLine(), 60'000);
            const QByteArray line = process->readLine();
            const json answer = json::parse(line.begin(), line.end());
            QVERIFY2(answer["event"] == "started", line);
            began += answer["state"] == "new" ? 1 : 0;
            newest = std::max(newest, answer["run"].get<int>());
        }
        QCOMPARE(began, newest);
        for (const auto& process : workers) process->closeWriteChannel();
        for (const auto& process : workers) QVERIFY(process->waitForFinished());
    }

    // The lock of a job that has told its end, or of one that has not begun to speak, says nothing of what goes on.
    void a_job_begins_again_when_the_process_before_it_is_gone() {
        (void)ask(store("held"), start_line(json::object()) + '\n');
        QTRY_VERIFY_WITH_TIMEOUT(said(store("held")).contains("\"failed\""), 60'000);
        for (const int run : {2, 1}) {
            const int held = ::open(qPrintable(job(store("held")) + "/lock"), O_RDWR | O_CLOEXEC);
            QTRY_VERIFY_WITH_TIMEOUT(::flock(held, LOCK_EX | LOCK_NB) == 0, 60'000);
            if (run == 1)
                for (const QString& name : QDir(job(store("held"))).entryList({"events.*"}))
                    QVERIFY(QFile::remove(job(store("held")) + '/' + name));
            QProcess worker;
            worker.start(cli_program(), {"worker", "--jobs", store("held")});
            worker.write("{\"ask\":\"hello\",\"protocol\":1}\n");
            QTRY_VERIFY_WITH_TIMEOUT(worker.canReadLine(), 60'000);
            (void)worker.readLine();
            worker.write(start_line(json::object()) + '\n');
            QTest::qWait(500);
            QVERIFY2(!worker.canReadLine(), worker.readAllStandardOutput());
            ::close(held);
            QTRY_VERIFY_WITH_TIMEOUT(worker.canReadLine(), 10'000);
            const QByteArray line = worker.readLine();
            const json answer = json::parse(line.begin(), line.end());
            QVERIFY2(answer["state"] == "new" && answer["run"] == run, line);
            worker.closeWriteChannel();
            QVERIFY(worker.waitForFinished());
        }
    }

    void only_old_jobs_make_room() {
        const QDir at(store("many"));
        const auto add = [&](const QString& name, bool lock) {
            QFile file(at.filePath(name + (lock ? "/lock" : "/something")));
            return at.mkpath(name) && file.open(QIODevice::WriteOnly);
        };
        const QString alive(64, 'a'), no_hash(64, 'x'), no_job(64, 'b');
        QVERIFY(add(alive, true) && add(no_hash, true) && add(no_job, false));
        const int held = ::open(qPrintable(at.filePath(alive + "/lock")), O_RDWR | O_CLOEXEC);
        QVERIFY(held >= 0 && ::flock(held, LOCK_EX) == 0);
        QThread::msleep(20);
        for (int i = 0; i < 110; ++i) QVERIFY(add(QStringLiteral("%1").arg(i, 64, 10, QLatin1Char('0')), true));
        const QList<json> answers = ask(at.path(), start_line(json::object()) + '\n');
        QVERIFY(!answers.isEmpty() && answers[0]["state"] == "new");
        ::close(held);
        QVERIFY(at.exists(alive + "/lock") && at.exists(no_hash + "/lock") && at.exists(no_job + "/something"));
        QCOMPARE(at.entryList(QDir::Dirs | QDir::NoDotAndDotDot).size(), 100 + 3);
    }

    void another_model_is_refused_with_both_hashes() {
        const Outcome outcome = run_cli(on(store("other"), {"eval", "sample-opt", "--window", "64", "--windows", "1",
                                                            "--worker-model", "sample-llama"}));
        QCOMPARE(outcome.code, 3);
        const std::string opt = run_cli({"eval", "sample-opt", "--window", "64", "--windows", "1", "--json"})
                                    .json()["provenance"]["model_hash"],
                          llama = run_cli({"eval", "sample-llama", "--window", "64", "--windows", "1", "--json"})
                                      .json()["provenance"]["model_hash"];
        QVERIFY2(outcome.err.contains(opt.c_str()) && outcome.err.contains(llama.c_str()), outcome.err);
    }

    void commands_that_are_no_worker_say_what_they_are_data() {
        QTest::addColumn<QString>("command");
        QTest::addColumn<QByteArray>("message");
        QTest::addColumn<int>("code");
        QTest::newRow("no such program") << "no-such-program-anywhere" << QByteArray("not found") << 5;
        QTest::newRow("ends") << "exit 7" << QByteArray("exit code 7") << 5;
        QTest::newRow("ends as ssh does")
            << "printf 'no route\\r\\n' >&2; exit 255" << QByteArray("exit code 255: no route\n") << 5;
        QTest::newRow("says something else")
            << "echo a greeting; echo nobody there >&2" << QByteArray("nobody there") << 5;
        QTest::newRow("another protocol")
            << "echo '{\"event\":\"hello\",\"protocol\":2}'; sleep 5" << QByteArray("same version") << 4;
    }
    void commands_that_are_no_worker_say_what_they_are() {
        QFETCH(QString, command);
        QFETCH(QByteArray, message);
        const Outcome outcome =
            run_cli({"eval", "sample-opt", "--window", "64", "--windows", "1", "--worker", command});
        QFETCH(int, code);
        QVERIFY2(outcome.code == code, outcome.err);
        QVERIFY2(outcome.err.contains(message), outcome.err);
    }

    // What a shell says on its own comes before the worker.
    void a_greeting_of_the_shell_is_passed_over() {
        const Outcome outcome =
            run_cli({"eval", "sample-opt", "--window", "64", "--windows", "1", "--worker",
                     QStringLiteral("echo Welcome to gpu-host; echo '{'; exec %1").arg(worker(store("same")))});
        QVERIFY2(outcome.code == 0, outcome.err);
    }

    // What a command writes beside the worker is heard a little at a time.
    void a_command_that_never_stops_talking_hides_nothing() {
        const Outcome outcome = run_cli({"eval", "sample-opt", "--window", "64", "--windows", "1", "--worker",
                                         QStringLiteral("yes noise >&2 & exec %1").arg(worker(store("same")))});
        QVERIFY2(outcome.code == 0, outcome.err.left(300));
    }

    void lines_that_nobody_should_send_are_refused_data() {
        QTest::addColumn<QByteArray>("line");
        QTest::addColumn<QByteArray>("message");
        const auto order = start_line;
        QTest::newRow("nothing") << QByteArray("") << QByteArray("not valid JSON");
        QTest::newRow("no JSON") << QByteArray("{\"ask\":") << QByteArray("not valid JSON");
        QTest::newRow("a zero") << QByteArray("{\"ask\":\"hello\"}\0", 16) << QByteArray("zero byte");
        QTest::newRow("no UTF-8") << QByteArray("{\"ask\":\"\xFF\"}") << QByteArray("not valid JSON");
        QTest::newRow("no object") << QByteArray("[1]") << QByteArray("must be an object");
        QTest::newRow("no text") << QByteArray("{\"ask\":5}") << QByteArray("\"ask\\\" must be a text, not 5");
        QTest::newRow("no such thing") << QByteArray("{\"ask\":\"fly\"}") << QByteArray("there are hello, start");
        QTest::newRow("twice") << QByteArray("{\"ask\":\"hello\",\"ask\":\"start\"}") << QByteArray("twice");
        QTest::newRow("deep") << QByteArray(1000, '[') << QByteArray("levels");
        QTest::newRow("other protocol") << QByteArray("{\"ask\":\"hello\",\"protocol\":2}")
                                        << QByteArray("same version");
        QTest::newRow("no order") << QByteArray("{\"ask\":\"start\"}") << QByteArray("\"order\\\" is missing");
        QTest::newRow("no model") << order({{"model", ""}}) << QByteArray("must be a path");
        QTest::newRow("hash") << order({{"model_hash", "../../etc"}}) << QByteArray("64 hexadecimal digits");
        QTest::newRow("device") << order({{"device", "gpu"}}) << QByteArray("gpu");
        QTest::newRow("precision") << order({{"precision", "int1"}}) << QByteArray("int1");
        QTest::newRow("recipe") << order({{"recipe", {{"schema", 99}}}}) << QByteArray("schema");
        QTest::newRow("target") << order({{"served_as", "nowhere"}}) << QByteArray("nowhere");
        QTest::newRow("target alone") << order({{"served_as", "vllm-sm90"}}) << QByteArray("needs a recipe");
        QTest::newRow("name of a text") << order({{"text", {{"name", "../x"}, {"content", "a"}}}})
                                        << QByteArray("no name of a file");
        QTest::newRow("content") << order({{"text", {{"name", "x"}, {"content", 3}}}}) << QByteArray("must be a text");
        QTest::newRow("rule") << order({{"text_rule", "best"}}) << QByteArray("best");
        QTest::newRow("protocol") << order({{"protocol", "own"}}) << QByteArray("own");
        QTest::newRow("window") << order({{"window", 1}}) << QByteArray("from 2 to");
        QTest::newRow("windows") << order({{"windows", 1e30}}) << QByteArray("from 0 to");
        QTest::newRow("too large") << order({{"windows", 18446744073709551615U}}) << QByteArray("from 0 to");
        QTest::newRow("what else") << order({{"shell", "rm"}}) << QByteArray("there is no \\\"shell\\\"");
        QTest::newRow("id is a path") << QByteArray(
                                             "{\"ask\":\"attach\",\"job\":\"../../etc/passwd\",\"run\":1,\"from\":0}")
                                      << QByteArray("64 hexadecimal digits");
        QTest::newRow("no such job") << "{\"ask\":\"attach\",\"job\":\"" + QByteArray(64, 'b') +
                                            "\",\"run\":1,\"from\":0}"
                                     << QByteArray("there is no job");
        QTest::newRow("nothing to cancel")
            << "{\"ask\":\"cancel\",\"job\":\"" + QByteArray(64, 'b') + "\"}" << QByteArray("there is no job");
    }
    void lines_that_nobody_should_send_are_refused() {
        QFETCH(QByteArray, line);
        QFETCH(QByteArray, message);
        const QList<json> answers = ask(store("hostile"), line + '\n' + "{\"ask\":\"hello\",\"protocol\":1}\n");
        QCOMPARE(answers.size(), 2); // and it goes on
        QCOMPARE(answers[0]["event"].get<std::string>(), std::string("refused"));
        const QByteArray said = QByteArray::fromStdString(answers[0].dump());
        QVERIFY2(said.contains(message), said);
        QCOMPARE(answers[1]["event"].get<std::string>(), std::string("hello"));
        QVERIFY(!answers[1]["devices"].empty());
        QVERIFY(entries(store("hostile")).isEmpty()); // nothing was started, no folder was made
    }

    void a_line_without_an_end_ends_the_worker() {
        QProcess process;
        process.start(cli_program(), {"worker", "--jobs", store("hostile")});
        const QByteArray part(1 << 20, 'x');
        for (int i = 0; i < 140 && process.state() != QProcess::NotRunning; ++i) {
            process.write(part);
            while (process.bytesToWrite() > (4 << 20) && process.waitForBytesWritten(1000)) {
            }
        }
        QTRY_COMPARE_WITH_TIMEOUT(process.state(), QProcess::NotRunning, 60'000);
        QCOMPARE(process.exitCode(), 3);
        const QByteArray err = process.readAllStandardError();
        QVERIFY2(err.contains("134217728 bytes"), err);
    }

    void what_does_not_go_together_is_said_data() {
        QTest::addColumn<QStringList>("words");
        QTest::newRow("divergence") << QStringList{"--recipe", "w=int4", "--metric", "divergence", "--worker", "true"};
        QTest::newRow("a place without a worker") << QStringList{"--worker-model", "/models/x"};
        QTest::newRow("empty") << QStringList{"--worker", ""};
    }
    void what_does_not_go_together_is_said() {
        QFETCH(QStringList, words);
        QCOMPARE(run_cli(QStringList{"eval", "sample-opt"} + words).code, 2);
    }
};

GRATICULE_TEST(CliWorkerTest);
#include "tst_cli_worker.moc"
