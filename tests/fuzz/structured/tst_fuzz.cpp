// The plain loop: inputs numbered from a seed, on all processors, in one process. A short one in the ordinary run; the
// one labelled slow makes ten million (GRATICULE_FUZZ_INPUTS), and says how many got how far.
#include <QtCore/QTemporaryDir>
#include <QtTest/QTest>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <mutex>
#include <thread>
#include <unistd.h>
#include <vector>

#include "core/base/error.h"
#include "tests/fuzz/structured/targets.h"
#include "tests/support/test_main.h"

using namespace graticule;
using namespace graticule::fuzz;

namespace {

constexpr std::uint64_t first_seed = 20261128;
constexpr double longest_allowed = 1.0; ///< seconds of processor time per input
constexpr int most_findings = 20;       ///< then the campaign ends

constexpr std::uint8_t most_documents = 16; ///< more than any target has; they come round again

std::vector<Target> all_targets() {
    std::vector<Target> targets;
    for (const auto& rows : {engine_targets(), window_targets()})
        targets.insert(targets.end(), rows.begin(), rows.end());
    return targets;
}

thread_local char current[160]; // what a crash handler says: target and seed

void say_input(int signal) {
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, current, std::strlen(current));
    std::signal(signal, SIG_DFL);
    ::raise(signal);
}

double processor_seconds() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

struct Count {
    std::atomic<std::uint64_t> inputs{0}, reached{0};
    std::atomic<double> longest{0};
};

} // namespace

class TestFuzz : public QObject {
    Q_OBJECT

private Q_SLOTS:
    /// Or no change of it would get anywhere.
    void sound_documents_are_taken() {
        const QTemporaryDir scratch;
        for (const Target& target : all_targets())
            for (std::uint8_t document = 0; document < most_documents; ++document) {
                const std::uint8_t choices[] = {0, document};
                Decisions decide(choices);
                QVERIFY2(target.run(decide, scratch.path().toStdString()),
                         qPrintable(QString("%1, document %2").arg(target.name).arg(document)));
            }
    }

    void structured_inputs() {
        const std::vector<Target> targets = all_targets();
        const auto asked = qEnvironmentVariableIntValue("GRATICULE_FUZZ_INPUTS");
        const std::uint64_t wanted = asked > 0 ? static_cast<std::uint64_t>(asked) : 12'000;
        for (const int signal : {SIGSEGV, SIGABRT, SIGFPE, SIGBUS, SIGILL}) std::signal(signal, say_input);
        std::vector<Count> counts(targets.size());
        std::atomic<std::uint64_t> next{0};
        std::mutex mutex;
        std::string findings;
        int found = 0;
        const QTemporaryDir scratch(QStringLiteral("/dev/shm/graticule-fuzz-XXXXXX"));
        const QTemporaryDir elsewhere;
        const std::string root = (scratch.isValid() ? scratch : elsewhere).path().toStdString();
        const auto work = [&](const std::string& folder) {
            std::filesystem::create_directories(folder);
            for (std::uint64_t number = next++; number < wanted; number = next++) {
                const std::size_t index = number % targets.size();
                const std::uint64_t seed = first_seed + number;
                std::snprintf(current, sizeof current, "\ninput: %s, seed %llu\n", targets[index].name,
                              static_cast<unsigned long long>(seed));
                Decisions decide(seed);
                const double began = processor_seconds();
                std::string what;
                try {
                    if (targets[index].run(decide, folder)) ++counts[index].reached;
                } catch (const Error& error) {
                    what = error.info().text();
                } catch (const std::exception& error) {
                    what = error.what();
                }
                const double seconds = processor_seconds() - began;
                ++counts[index].inputs;
                counts[index].longest = std::max(counts[index].longest.load(), seconds);
                if (what.empty() && seconds > longest_allowed) what = "took " + std::to_string(seconds) + " s";
                if (what.empty()) continue;
                const std::lock_guard lock(mutex);
                findings += current + what;
                if (++found == most_findings) next = wanted;
            }
        };
        {
            std::vector<std::jthread> others;
            for (unsigned i = 1; i < std::thread::hardware_concurrency(); ++i)
                others.emplace_back(work, root + "/" + std::to_string(i));
            work(root + "/0");
        }
        for (const int signal : {SIGSEGV, SIGABRT, SIGFPE, SIGBUS, SIGILL}) std::signal(signal, SIG_DFL);
        QVERIFY2(findings.empty(), findings.c_str());
        std::uint64_t all = 0;
        for (std::size_t i = 0; i < targets.size(); ++i) {
            qInfo("%-32s %9llu inputs, %5.1f %% taken, longest %.3f s", targets[i].name,
                  static_cast<unsigned long long>(counts[i].inputs.load()),
                  100.0 * static_cast<double>(counts[i].reached) / static_cast<double>(counts[i].inputs),
                  counts[i].longest.load());
            all += counts[i].inputs;
            QVERIFY2(counts[i].reached * 3 >= counts[i].inputs, targets[i].name); // or its mutator breaks too much
        }
        QCOMPARE(all, wanted);
    }
};

GRATICULE_TEST(TestFuzz);
#include "tst_fuzz.moc"
