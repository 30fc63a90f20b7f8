// Loops that are split among threads: every band once, whoever calls from where, threads that stay, failures passed on.
#include <QtTest/QTest>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "kernels/cpu/parallel.h"
#include "kernels/cpu/workers.h"
#include "tests/support/test_main.h"

using namespace graticule::cpu;

namespace {

constexpr std::int64_t plenty = std::int64_t{1} << 40; ///< elements that are worth every thread there is

/// The system's own number, which no later thread gets at once; std::thread::id is an address and may come again.
long thread_number() { return syscall(SYS_gettid); }

class ThreadNumbers {
public:
    void note() {
        const std::lock_guard lock(mutex_);
        numbers_.insert(thread_number());
    }
    [[nodiscard]] std::size_t count() const { return numbers_.size(); }

private:
    std::mutex mutex_;
    std::set<long> numbers_;
};

/// Whether `done` becomes true in time.
template <class Condition>
bool comes_true(const Condition& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::yield();
    }
    return true;
}

std::int64_t counted_once(std::int64_t bands, std::int64_t elements) {
    std::vector<std::atomic<int>> seen(static_cast<std::size_t>(bands));
    for_each_band(bands, elements, [&](std::int64_t band) { ++seen[static_cast<std::size_t>(band)]; });
    return std::count_if(seen.begin(), seen.end(), [](const std::atomic<int>& times) { return times == 1; });
}

} // namespace

class TestParallel : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void every_band_once() {
        for (const std::int64_t bands : {0, 1, 2, 3, 17, 1000})
            for (const std::int64_t elements : {std::int64_t{1}, std::int64_t{1} << 20, plenty})
                QCOMPARE(counted_once(bands, elements), bands);
    }

    /// Not one after the other: each waits for all.
    void threads_work_at_the_same_time() {
        const std::int64_t threads = most_threads(BoundBy::processors);
        if (threads < 2) QSKIP("NOTHING WAS TESTED: this machine has one processor");
        std::atomic<std::int64_t> there{0};
        std::atomic<bool> met{true};
        const auto meet = [&](std::int64_t) {
            ++there;
            if (!comes_true([&] { return there == threads; })) met = false;
        };
        for_each_band(threads, plenty, meet, BoundBy::processors);
        QVERIFY(met);
        QVERIFY(most_threads(BoundBy::memory) <= std::min<std::int64_t>(threads, 16));
    }

    void threads_stay() {
        ThreadNumbers numbers;
        for (int call = 0; call < 300; ++call) for_each_band(8, plenty, [&](std::int64_t) { numbers.note(); });
        QVERIFY2(numbers.count() <= static_cast<std::size_t>(most_threads(BoundBy::processors)),
                 std::to_string(numbers.count()).c_str());
    }

    void the_first_failure_is_passed_on() {
        for (int repeat = 0; repeat < 50; ++repeat) {
            std::atomic<int> begun{0};
            std::string caught;
            try {
                for_each_band(1'000'000, plenty, [&](std::int64_t band) {
                    ++begun;
                    if (band == 3) throw std::runtime_error("band 3");
                });
            } catch (const std::runtime_error& error) {
                caught = error.what();
            }
            QCOMPARE(caught, std::string("band 3"));
            QVERIFY(begun < 1'000'000); // the others were not begun
            QCOMPARE(counted_once(100, plenty), std::int64_t{100});
        }
    }

    void bands_may_have_bands() {
        std::atomic<std::int64_t> sum{0};
        for (int repeat = 0; repeat < 20; ++repeat)
            for_each_band(7, plenty, [&](std::int64_t a) {
                for_each_band(5, plenty, [&](std::int64_t b) {
                    for_each_band(3, plenty, [&](std::int64_t c) { sum += 100 * a + 10 * b + c; });
                });
            });
        QCOMPARE(sum.load(), std::int64_t{20} * (100 * 21 * 15 + 10 * 10 * 21 + 3 * 35));
        std::string caught; // from the innermost
        try {
            for_each_band(4, plenty, [&](std::int64_t) {
                for_each_band(4, plenty, [&](std::int64_t b) {
                    if (b == 2) throw std::runtime_error("inside");
                });
            });
        } catch (const std::runtime_error& error) {
            caught = error.what();
        }
        QCOMPARE(caught, std::string("inside"));
    }

    void many_callers_at_once() {
        std::atomic<int> wrong{0};
        {
            std::vector<std::jthread> callers;
            for (int caller = 0; caller < 6; ++caller)
                callers.emplace_back([&] {
                    for (int call = 0; call < 300; ++call)
                        if (counted_once(1 + call % 13, plenty) != 1 + call % 13) ++wrong;
                });
        }
        QCOMPARE(wrong.load(), 0);
    }

    /// More than this machine has processors: none is needed, none is counted twice.
    void helpers_are_a_wish() {
        for (const int helpers : {0, 1, 40}) {
            std::atomic<int> left{1000}, done{0};
            work_together(helpers, [&] {
                while (left-- > 0) ++done;
            });
            QCOMPARE(done.load(), 1000);
        }
    }
};

GRATICULE_TEST(TestParallel);
#include "tst_parallel.moc"
