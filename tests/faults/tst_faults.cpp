// Every job under every fault: the n-th write, flush, rename, new file, mapping and large allocation fails; it is killed
// and cancelled at random moments; another does the same to the same output; it has too little memory. A few of each in
// the ordinary run, all of them in the one labelled slow, which says how many there were.
#include <QtTest/QTest>
#include <algorithm>
#include <csignal>
#include <string_view>
#include <sys/resource.h>

#include "app/session/run_journal.h"
#include "app/session/session_file.h"
#include "tests/faults/job_trial.h"
#include "tests/faults/journal_job.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_main.h"

using namespace graticule;
using namespace graticule::faults;
using graticule::testing::TemporaryFolder;

namespace {

struct Fault {
    const char* kind;
    int error;
};
constexpr Fault faults_of_calls[] = {{"write", ENOSPC},  {"fsync", EIO},   {"rename", EIO},
                                     {"create", ENOSPC}, {"mmap", ENOMEM}, {"allocate", ENOMEM}};

QStringList with_fault(const char* kind, int error, long at, const QString& report) {
    return {QStringLiteral("LD_PRELOAD=" GRATICULE_FAILING_CALLS), QStringLiteral("FAULT_KIND=%1").arg(kind),
            QStringLiteral("FAULT_ERROR=%1").arg(error), QStringLiteral("FAULT_AT=%1").arg(at),
            QStringLiteral("FAULT_REPORT=%1").arg(report)};
}

long number_in(const QString& file) {
    QFile in(file);
    return in.open(QIODevice::ReadOnly) ? in.readAll().trimmed().toLong() : -1;
}

/// Which of `count` calls fail: the first and the last few; of a full campaign all, and beyond a thousand 200 spread.
std::vector<long> chosen(long count) {
    std::vector<long> all;
    const long first = full() ? 1000 : 2, spread = full() ? 200 : 2;
    for (long n = 1; n <= std::min(first, count); ++n) all.push_back(n);
    for (long i = 1; i <= spread && count > first; ++i) all.push_back(first + (count - first) * i / spread);
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return all;
}

std::chrono::milliseconds random_moment(std::mt19937& random, double seconds) {
    return std::chrono::milliseconds(static_cast<long>(std::uniform_real_distribution<>(0, seconds * 1000)(random)));
}

/// A file and a folder are enough for the ordinary run.
bool belongs(const Job& job) {
    return full() || job.name == std::string_view("csv") || job.name == std::string_view("export");
}

void add_jobs() {
    QTest::addColumn<int>("job");
    for (std::size_t i = 0; i < jobs().size(); ++i)
        if (belongs(jobs()[i])) QTest::newRow(jobs()[i].name) << static_cast<int>(i);
}

} // namespace

class TestFaults : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void a_call_fails_data() {
        QTest::addColumn<int>("job");
        QTest::addColumn<int>("fault");
        for (std::size_t i = 0; i < jobs().size(); ++i)
            for (std::size_t fault = 0; belongs(jobs()[i]) && fault < std::size(faults_of_calls); ++fault)
                QTest::addRow("%s: %s", jobs()[i].name, faults_of_calls[fault].kind)
                    << static_cast<int>(i) << static_cast<int>(fault);
    }
    void a_call_fails() {
        QFETCH(int, job);
        QFETCH(int, fault);
        const auto [kind, error] = faults_of_calls[fault];
        JobTrial trial(jobs()[static_cast<std::size_t>(job)], JobTrial::Model::cut);
        trial.reset();
        const Ending whole = trial.run_and_fail(kind, 0, error);
        QVERIFY2(trial.broken(whole, false).empty(), trial.broken(whole, false).c_str());
        const long count = whole.calls;
        if (count == 0 && !jobs()[static_cast<std::size_t>(job)].writes) return; // it has none to fail
        QVERIFY2(count > 0, "the job makes no such call");
        long failed = 0;
        const std::vector<long> numbers = chosen(count);
        for (const long n : numbers) {
            trial.reset();
            const Ending ending = trial.run_and_fail(kind, n, error);
            const std::string what = trial.broken(ending, false);
            QVERIFY2(what.empty(), (std::to_string(n) + ": " + what).c_str());
            if (ending.code == 0) continue;
            ++failed;
            QVERIFY2(ending.err.contains("error: "), ending.err);
        }
        qInfo("%ld calls, %zu of them failed, %ld times the job did", count, numbers.size(), failed);
    }

    void a_file_system_that_cannot_exchange_data() { add_jobs(); }
    void a_file_system_that_cannot_exchange() {
        QFETCH(int, job);
        JobTrial trial(jobs()[static_cast<std::size_t>(job)]);
        trial.reset();
        const Ending ending = trial.run(with_fault("exchange", EINVAL, 0, {}));
        QCOMPARE(ending.code, 0);
        QVERIFY2(trial.broken(ending, false).empty(), trial.broken(ending, false).c_str());
    }

    void a_file_system_without_locks_data() { add_jobs(); }
    void a_file_system_without_locks() {
        QFETCH(int, job);
        JobTrial trial(jobs()[static_cast<std::size_t>(job)]);
        trial.reset();
        const Ending ending = trial.run(with_fault("lock", EOPNOTSUPP, 0, {}));
        QVERIFY2(ending.code == 0, ending.err);
        QVERIFY2(trial.broken(ending, false).empty(), trial.broken(ending, false).c_str());
    }

    /// Of two at one output the second is refused before its work, or comes after the first.
    void two_at_once_data() { add_jobs(); }
    void two_at_once() {
        QFETCH(int, job);
        if (!jobs()[static_cast<std::size_t>(job)].writes) return;
        JobTrial trial(jobs()[static_cast<std::size_t>(job)]);
        const auto is_refused = [](const Ending& ending) {
            return ending.code == 2 && ending.err.contains("is being written by graticule-cli, process ");
        };
        trial.reset();
        Ending beside;
        const Ending halted =
            trial.run_halted(with_fault("fsync", -SIGSTOP, 1, {}), [&](pid_t) { beside = trial.run(); });
        QVERIFY2(is_refused(beside), beside.err);
        QVERIFY2(halted.code == 0, halted.err);
        QVERIFY2(trial.broken(halted, false).empty(), trial.broken(halted, false).c_str());

        std::mt19937 random(200 + static_cast<unsigned>(job));
        int refused = 0;
        for (int i = 0; i < (full() ? 50 : 3); ++i) {
            trial.reset();
            const auto [one, two] = trial.run_two(random_moment(random, i == 0 ? 0 : trial.usual_seconds()));
            for (const Ending* ending : {&one, &two}) {
                const std::string what = trial.broken(*ending, false);
                QVERIFY2(what.empty(), what.c_str());
                if (ending->code == 0) continue;
                ++refused;
                QVERIFY2(is_refused(*ending), ending->err);
            }
            QVERIFY2(trial.output_is_new(), "of two at once none wrote it");
        }
        qInfo("%d refused at random moments", refused);
    }

    void it_is_killed_data() { add_jobs(); }
    void it_is_killed() {
        QFETCH(int, job);
        JobTrial trial(jobs()[static_cast<std::size_t>(job)]);
        std::mt19937 random(static_cast<unsigned>(job));
        int killed = 0;
        std::size_t swept = 0;
        for (int i = 0; i < (full() ? 50 : 2); ++i) {
            trial.reset();
            const Ending ending = trial.run_and_signal(SIGKILL, random_moment(random, trial.usual_seconds()));
            killed += ending.signal == SIGKILL;
            const std::string what = trial.broken(ending, true);
            QVERIFY2(what.empty(), what.c_str());
            const std::size_t left = trial.left_over();
            if (left == 0) continue;
            const Ending next = trial.run(); // the next start sweeps, and says so
            QVERIFY2(trial.broken(next, false).empty(), trial.broken(next, false).c_str());
            QCOMPARE(static_cast<std::size_t>(next.err.count("was left by a run that was killed")), left);
            swept += left;
        }
        qInfo("killed %d times, %zu left-overs swept", killed, swept);
    }

    /// Where somebody has added to an export, the old one is kept: between any two of the renames it takes, a kill
    /// leaves nothing that the next start does not recognise.
    void it_is_killed_between_two_renames() {
        const auto job =
            std::ranges::find_if(jobs(), [](const Job& one) { return one.name == std::string_view("export"); });
        JobTrial trial(*job, JobTrial::Model::cut);
        const auto prepare = [&] {
            trial.reset();
            trial.add("model/notes.md", "somebody's");
        };
        prepare();
        const long count = trial.run_and_fail("rename", 0, 0).calls;
        QVERIFY(count > 2);
        int killed = 0;
        for (long n = 1; n <= count; ++n) {
            prepare();
            killed += trial.run_and_fail("rename", n, -SIGKILL).signal == SIGKILL;
            const Ending next = trial.run();
            QVERIFY2(next.code == 0 && trial.output_is_new(), next.err);
            const auto beside = trial.beside();
            QVERIFY2(beside.size() == 1, (std::to_string(n) + ": " + next.err.toStdString()).c_str());
            QCOMPARE(snapshot(beside.front()).at("model/notes.md"), std::string("somebody's"));
        }
        QCOMPARE(killed, static_cast<int>(count));
    }

    void it_is_cancelled_data() { add_jobs(); }
    void it_is_cancelled() {
        QFETCH(int, job);
        JobTrial trial(jobs()[static_cast<std::size_t>(job)]);
        std::mt19937 random(100 + static_cast<unsigned>(job));
        trial.reset();
        const Ending asked_at_once =
            trial.run_halted(with_fault("mmap", -SIGSTOP, 1, {}), [](pid_t process) { ::kill(process, SIGINT); });
        QVERIFY2(asked_at_once.code == 130, asked_at_once.err);
        QVERIFY2(trial.broken(asked_at_once, false).empty(), trial.broken(asked_at_once, false).c_str());

        double longest = 0, longest_processor = 0;
        int cancelled = 0;
        for (int i = 0; i < (full() ? 50 : 2); ++i) {
            trial.reset();
            const auto moment = std::max(random_moment(random, trial.usual_seconds()), std::chrono::milliseconds(50));
            const Ending ending = trial.run_and_signal(SIGINT, moment);
            if (ending.signal == SIGINT) continue; // before main() could ask for it
            const std::string what = trial.broken(ending, false);
            QVERIFY2(what.empty(), what.c_str());
            cancelled += ending.code == 130;
            if (ending.code != 130) continue;
            longest = std::max(longest, ending.seconds_after_request);
            longest_processor = std::max(longest_processor, ending.processor_after_request);
        }
        qInfo("cancelled %d times at random moments, at most %.2f s after the request and %.2f s of processor time",
              cancelled, longest, longest_processor);
        // One second on a machine that does nothing else; a busy one is given five.
        QVERIFY2(longest < 5, std::to_string(longest).c_str());
        QVERIFY2(longest_processor < 1, std::to_string(longest_processor).c_str());
    }

    void memory_is_short_data() { add_jobs(); }
    void memory_is_short() {
        QFETCH(int, job);
        JobTrial trial(jobs()[static_cast<std::size_t>(job)]);
        int failed = 0, tries = 0;
        const int step = full() ? 4 : 64;
        for (int megabytes = 16; megabytes <= 272; megabytes += step, ++tries) {
            trial.reset();
            const Ending ending = trial.run({QStringLiteral("OMP_NUM_THREADS=2")}, [megabytes] {
                const rlim_t bytes = static_cast<rlim_t>(megabytes) << 20;
                const rlimit limit{bytes, bytes};
                ::setrlimit(RLIMIT_DATA, &limit);
            });
            if (ending.err.isEmpty() || !ending.err.contains("error: ")) {
                // The loader or a library's start ended it before main(): no output was touched.
                QVERIFY2(ending.code == 0 || trial.broken(ending, true).empty(), ending.err);
                failed += ending.code != 0;
                continue;
            }
            ++failed;
            const std::string what = trial.broken(ending, false);
            QVERIFY2(what.empty(), (std::to_string(megabytes) + " MB: " + what).c_str());
        }
        qInfo("%d of %d limits were too small", failed, tries);
    }

    void two_windows_have_one_journal() {
        const TemporaryFolder folder;
        const int each = full() ? 100 : 15;
        QProcess writers[2];
        for (int i = 0; i < 2; ++i)
            writers[i].start(QStringLiteral(GRATICULE_BUILD_DIR "/tests/journal_job"),
                             {QString::fromStdString(folder.path().string()), QStringLiteral("window %1").arg(i),
                              QString::number(each)});
        for (QProcess& writer : writers) {
            QVERIFY(writer.waitForFinished(120'000));
            QVERIFY2(writer.exitCode() == 0, writer.readAllStandardError());
        }
        const auto runs = RunJournal(QString::fromStdString(folder.path().string())).read(journal_model);
        QCOMPARE(runs.size(), static_cast<std::size_t>(2 * each));
        for (int i = 0; i < 2; ++i)
            for (int n = 0; n < each; ++n)
                QVERIFY(find_result(runs, finished_run("window " + std::to_string(i), n)) != runs.end());
    }

    void the_journal_stays_readable_data() {
        QTest::addColumn<int>("fault");
        for (std::size_t fault = 0; fault < std::size(faults_of_calls); ++fault)
            QTest::newRow(faults_of_calls[fault].kind) << static_cast<int>(fault);
    }
    void the_journal_stays_readable() {
        QFETCH(int, fault);
        const auto [kind, error] = faults_of_calls[fault];
        const TemporaryFolder folder;
        const QString path = QString::fromStdString(folder.path().string());
        const auto run = [&](const std::string& writer, const QStringList& environment) {
            QProcess process;
            QProcessEnvironment variables = QProcessEnvironment::systemEnvironment();
            for (const QString& setting : environment)
                variables.insert(setting.section('=', 0, 0), setting.section('=', 1));
            process.setProcessEnvironment(variables);
            process.start(QStringLiteral(GRATICULE_BUILD_DIR "/tests/journal_job"),
                          {path, QString::fromStdString(writer), "2"});
            process.waitForFinished(120'000);
            return process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -1;
        };
        const QString report = path + "/.calls";
        QCOMPARE(run("before", with_fault(kind, error, 0, report)), 0);
        const std::vector<long> numbers = chosen(number_in(report));
        for (const long n : numbers) {
            const std::string writer = "at " + std::to_string(n);
            const int code = run(writer, with_fault(kind, error, n, report));
            QVERIFY2(code == 0 || code == 3 || code == 5, std::to_string(code).c_str());
            const auto runs = RunJournal(path).read(journal_model);
            QVERIFY(find_result(runs, finished_run("before", 0)) != runs.end());
            if (code == 0) QVERIFY(find_result(runs, finished_run(writer, 1)) != runs.end());
            (void)read_session(path + "/saved.graticule");
        }
        qInfo("%zu calls failed", numbers.size());
    }
};

GRATICULE_TEST(TestFaults);
#include "tst_faults.moc"
