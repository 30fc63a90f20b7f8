// The engine thread: order, results on the right thread, cancelling, failing, chains, joining at the end.
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>
#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>

#include "app/jobs/job_runner.h"
#include "app/jobs/throttle.h"
#include "core/base/hold.h"
#include "kernels/api/kernel_error.h"
#include "tests/support/test_main.h"

using namespace graticule;

namespace {

/// Submits jobs of one key while another holds the engine, and keeps what each pass was called with.
struct Together {
    JobRunner runner;
    std::atomic<bool> go = false;
    std::mutex mutex; // guards the next two
    std::vector<std::vector<int>> passes;
    std::vector<QString> ran; ///< titles of the other jobs
    std::map<int, int> results;
    std::map<int, JobState> ends;
    std::function<void(std::span<JobRunner::Share>, JobContext&)> during = [](auto, auto&) {};

    Together() { other("blocker", {}, true); }
    JobId other(const char* title, std::vector<JobId> after = {}, bool blocks = false, bool fails = false) {
        return runner.submit<int>({.tag = {}, .title = title, .after = std::move(after)},
                                  [=, this](JobContext& ctx) -> std::shared_ptr<const int> {
                                      while (blocks && !go) {
                                          ctx.check_cancelled();
                                          QThread::msleep(1);
                                      }
                                      {
                                          const std::lock_guard lock(mutex);
                                          ran.push_back(QString::fromLatin1(title));
                                      }
                                      if (fails) throw Error(ErrorKind::bad_input, "no");
                                      return std::make_shared<const int>(0);
                                  },
                                  {});
    }
    JobId one(int number, std::vector<JobId> after = {}, const char* key = "together", const char* device = "cpu") {
        JobRequest request{.tag = {}, .title = QString::number(number), .after = std::move(after)};
        request.device = device;
        request.together = QString::fromLatin1(key);
        return runner.submitTogether<int>(
            std::move(request), std::make_shared<const int>(number),
            [this](std::span<JobRunner::Share> shares, JobContext& ctx) {
                std::vector<int> numbers;
                for (const JobRunner::Share& share : shares)
                    numbers.push_back(*static_cast<const int*>(share.part.get()));
                {
                    const std::lock_guard lock(mutex);
                    passes.push_back(numbers);
                }
                during(shares, ctx);
                for (std::size_t i = 0; i < shares.size(); ++i)
                    if (!shares[i].cancel.due()) shares[i].result = std::make_shared<const int>(10 * numbers[i]);
            },
            [this, number](std::shared_ptr<const int> result) { results[number] = *result; },
            [this, number](const JobView& view) { ends[number] = view.state; });
    }
};

} // namespace

class JobRunnerTest : public QObject {
    Q_OBJECT

    static JobState state_of(const JobRunner& runner, JobId id) {
        for (const JobView& job : runner.jobs())
            if (job.id == id) return job.state;
        return JobState::waiting;
    }

private Q_SLOTS:
    void results_arrive_on_the_gui_thread_in_order() {
        JobRunner runner;
        std::vector<int> arrived;
        std::thread::id worked_on;
        for (int i = 0; i < 5; ++i)
            runner.submit<int>(
                {.tag = {}, .title = "count"},
                [i, &worked_on](JobContext&) {
                    worked_on = std::this_thread::get_id();
                    return std::make_shared<const int>(i);
                },
                [&arrived](std::shared_ptr<const int> value) { arrived.push_back(*value); });
        QTRY_COMPARE(arrived.size(), std::size_t(5));
        QCOMPARE(arrived, (std::vector<int>{0, 1, 2, 3, 4}));
        QVERIFY(worked_on == runner.engineThread());
        QVERIFY(worked_on != std::this_thread::get_id());
    }

    void busy_until_the_result_has_arrived() {
        JobRunner runner;
        bool busy_on_arrival = false, arrived = false;
        std::atomic<bool> worked = false;
        runner.submit<int>(
            {.tag = {}, .title = "brief"},
            [&worked](JobContext&) {
                worked = true;
                return std::make_shared<const int>(1);
            },
            [&](std::shared_ptr<const int>) {
                arrived = true;
                busy_on_arrival = runner.busy();
            });
        while (!worked) QThread::msleep(1);
        QThread::msleep(50); // the engine thread is through, this thread has not looked yet
        QVERIFY(!arrived && runner.busy());
        QTRY_VERIFY(arrived);
        QVERIFY(busy_on_arrival);
        QTRY_VERIFY(!runner.busy());
    }

    /// It stands and says why; let go it tries again, there or elsewhere; what waits for it waits on.
    void a_job_without_memory_on_its_card_stands_until_it_is_let_go() {
        JobRunner runner;
        QSignalSpy told(&runner, &JobRunner::shortOfMemory);
        std::vector<std::string> tries;
        const auto start = [&] {
            JobRequest request{.tag = {}, .title = "large"};
            request.device = "cuda:0";
            return runner.submit<int>(request,
                                      [&tries](JobContext& ctx) -> std::shared_ptr<const int> {
                                          tries.push_back(ctx.device);
                                          if (ctx.device != "cpu" && tries.size() < 3)
                                              throw Error(ErrorKind::out_of_memory, "2 GiB more");
                                          return std::make_shared<const int>(7);
                                      },
                                      {});
        };
        const JobId failing = start(); // nobody is there to answer
        QTRY_COMPARE(state_of(runner, failing), JobState::failed);
        QVERIFY(told.isEmpty());
        tries.clear();
        runner.standForMemory(true);
        const JobId id = start();
        const JobId behind = runner.submit<int>({.tag = {}, .title = "behind", .after = {id}},
                                                [](JobContext&) { return std::make_shared<const int>(1); }, {});
        const auto view = [&] {
            const auto all = runner.jobs();
            return *std::ranges::find(all, id, &JobView::id);
        };
        QTRY_COMPARE(told.size(), 1);
        QVERIFY(told[0][2].toString().contains("2 GiB more"));
        QVERIFY(view().state == JobState::running && view().held && view().error.message == "2 GiB more");
        QCOMPARE(state_of(runner, behind), JobState::waiting);
        runner.hold(id, false);
        QTRY_COMPARE(told.size(), 2);
        runner.tryOn(id, "cpu");
        QTRY_COMPARE(state_of(runner, behind), JobState::done);
        QCOMPARE(state_of(runner, id), JobState::done);
        QVERIFY(view().error.message.empty());
        QCOMPARE(tries, (std::vector<std::string>{"cuda:0", "cuda:0", "cpu"}));
        tries.clear();
        const JobId cancelled = start();
        QTRY_COMPARE(told.size(), 3);
        runner.cancel(cancelled);
        QTRY_COMPARE(state_of(runner, cancelled), JobState::cancelled);
        start();
        QTRY_COMPARE(told.size(), 4);
    } // the runner goes while it does

    void cancelled_job_stops_at_its_next_step_and_delivers_nothing() {
        JobRunner runner;
        std::atomic<int> steps = 0;
        bool delivered = false;
        const JobId id = runner.submit<int>(
            {.tag = {}, .title = "long"},
            [&steps](JobContext& ctx) {
                ctx.progress.begin("counting", 1'000'000);
                for (int i = 0; i < 1'000'000; ++i) {
                    ++steps;
                    ctx.advance();
                    QThread::usleep(200);
                }
                return std::make_shared<const int>(1);
            },
            [&delivered](std::shared_ptr<const int>) { delivered = true; });
        QTRY_VERIFY(steps > 3);
        runner.cancel(id);
        QTRY_COMPARE(state_of(runner, id), JobState::cancelled);
        QVERIFY(steps < 1'000'000);
        QCoreApplication::processEvents();
        QVERIFY(!delivered);
    }

    void failure_keeps_message_and_context_and_skips_what_depends_on_it() {
        JobRunner runner;
        JobView failed;
        bool ran = false;
        const JobId first = runner.submit<int>(
            {.tag = {}, .title = "bad"},
            [](JobContext&) -> std::shared_ptr<const int> {
                Error error(ErrorKind::bad_input, "layers.0.fc2 has no weight");
                error.add_context("opening model.safetensors");
                throw error;
            },
            {}, [&failed](const JobView& view) { failed = view; });
        const JobId second = runner.submit<int>({.tag = {}, .title = "after", .after = {first}},
                                                [&ran](JobContext&) {
                                                    ran = true;
                                                    return std::make_shared<const int>(0);
                                                },
                                                {});
        QTRY_COMPARE(state_of(runner, second), JobState::skipped);
        QVERIFY(!ran);
        QTRY_COMPARE(failed.state, JobState::failed);
        QCOMPARE(failed.error.message, std::string("layers.0.fc2 has no weight"));
        QCOMPARE(failed.error.context, std::vector<std::string>{"opening model.safetensors"});
    }

    void waiting_job_of_the_same_tag_is_replaced() {
        JobRunner runner;
        std::atomic<bool> go = false;
        std::vector<int> ran;
        runner.submit<int>({.tag = {}, .title = "blocker"},
                           [&go](JobContext& ctx) {
                               while (!go) {
                                   ctx.check_cancelled();
                                   QThread::msleep(1);
                               }
                               return std::make_shared<const int>(0);
                           },
                           {});
        JobId last{};
        std::vector<JobId> ids;
        for (int i = 0; i < 3; ++i) {
            last = runner.submit<int>(
                {.tag = "same", .title = "tagged"}, [i](JobContext&) { return std::make_shared<const int>(i); },
                [&ran](std::shared_ptr<const int> value) { ran.push_back(*value); });
            ids.push_back(last);
        }
        go = true;
        QTRY_COMPARE(state_of(runner, last), JobState::done);
        QTRY_COMPARE(ran, std::vector<int>{2});
        QCOMPARE(state_of(runner, ids[0]), JobState::cancelled);
    }

    void any_exception_is_a_failure_and_the_thread_goes_on() {
        JobRunner runner;
        const auto failing = [&runner](const char* title, auto exception) {
            return runner.submit<int>({.tag = {}, .title = title},
                                      [exception](JobContext&) -> std::shared_ptr<const int> { throw exception; }, {});
        };
        using Kind = KernelError::Kind;
        const std::pair<JobId, ErrorKind> expected[] = {
            {failing("odd", std::runtime_error("odd")), ErrorKind::internal},
            {failing("memory", std::bad_alloc()), ErrorKind::out_of_memory},
            {failing("GPU memory", KernelError(Kind::out_of_memory, "CUDA: out of memory")), ErrorKind::out_of_memory},
            {failing("GPU", KernelError(Kind::device, "CUDA: launch failed")), ErrorKind::device},
            {failing("no exception", 7), ErrorKind::internal}};
        const JobId good = runner.submit<int>({.tag = {}, .title = "good"},
                                              [](JobContext&) { return std::make_shared<const int>(1); }, {});
        QTRY_COMPARE(state_of(runner, good), JobState::done);
        for (const auto& [id, kind] : expected)
            for (const JobView& job : runner.jobs()) {
                if (job.id != id) continue;
                QCOMPARE(job.state, JobState::failed);
                QCOMPARE(job.error.kind, kind);
                QVERIFY2(!job.error.message.empty(), qPrintable(job.title));
            }
    }

    // ---- jobs that are done in one go

    void what_can_be_done_together_is_done_in_one_pass() {
        Together jobs;
        const JobId first = jobs.other("quantize 1"), second = jobs.other("quantize 2");
        jobs.one(0);
        jobs.one(1, {first});
        jobs.other("export"); // of something else: it does not come before what was asked for earlier
        jobs.one(7, {}, "another key");
        jobs.one(8, {}, "together", "cuda");
        const JobId third = jobs.other("quantize 3", {second}); // after the first of them in the queue, and done before
        jobs.one(2, {third});
        jobs.go = true;
        QTRY_COMPARE(jobs.results.size(), std::size_t(5));
        QCOMPARE(jobs.passes, (std::vector<std::vector<int>>{{0, 1, 2}, {7}, {8}}));
        QCOMPARE(jobs.ran, (std::vector<QString>{"blocker", "quantize 1", "quantize 2", "quantize 3", "export"}));
        for (const auto& [number, result] : jobs.results) QCOMPARE(result, 10 * number);
        QTRY_VERIFY(!jobs.runner.busy());
    }

    void one_of_a_pass_is_cancelled_and_the_others_go_on() {
        Together jobs;
        std::atomic<int> steps = 0;
        std::atomic<bool> enough = false;
        jobs.during = [&](std::span<JobRunner::Share>, JobContext& ctx) {
            ctx.progress.begin("together", 1000);
            for (; !enough; ++steps) {
                ctx.advance();
                QThread::msleep(1);
            }
        };
        std::vector<JobId> ids;
        for (int number = 0; number < 3; ++number) ids.push_back(jobs.one(number));
        jobs.go = true;
        QTRY_VERIFY(steps > 3);
        for (const JobId id : ids) QCOMPARE(state_of(jobs.runner, id), JobState::running);
        for (const JobView& view : jobs.runner.jobs())
            if (view.id != JobId{1}) QVERIFY(view.progress.stage == "together" && view.progress.done > 3);
        jobs.runner.cancel(ids[1]);
        QTRY_COMPARE(jobs.ends.count(1), std::size_t(1)); // at once, whatever the others do
        QCOMPARE(jobs.ends[1], JobState::cancelled);
        const int then = steps;
        QTRY_VERIFY(steps > then + 3);
        enough = true;
        QTRY_COMPARE(jobs.ends.size(), std::size_t(3));
        QCOMPARE(jobs.ends[0], JobState::done);
        QCOMPARE(jobs.ends[2], JobState::done);
        QCOMPARE(jobs.results, (std::map<int, int>{{0, 0}, {2, 20}}));
        QTRY_VERIFY(!jobs.runner.busy());
    }

    void cancelling_all_of_a_pass_stops_it() {
        Together jobs;
        std::atomic<int> steps = 0;
        jobs.during = [&](std::span<JobRunner::Share>, JobContext& ctx) {
            for (;; ++steps) {
                ctx.advance();
                QThread::msleep(1);
            }
        };
        for (int number = 0; number < 3; ++number) jobs.one(number);
        const JobId next = jobs.other("next");
        jobs.go = true;
        QTRY_VERIFY(steps > 3);
        const std::vector<JobView> views = jobs.runner.jobs();
        for (const JobView& view : views)
            if (view.state == JobState::running) jobs.runner.cancel(view.id);
        QTRY_COMPARE(state_of(jobs.runner, next), JobState::done); // the engine is free again
        QTRY_COMPARE(jobs.ends.size(), std::size_t(3));
        for (const auto& [number, state] : jobs.ends) QCOMPARE(state, JobState::cancelled);
        QVERIFY(jobs.results.empty());
    }

    /// Alone, only the one that is to blame fails.
    void a_pass_that_fails_is_done_one_by_one() {
        Together jobs;
        jobs.during = [](std::span<JobRunner::Share> shares, JobContext&) {
            for (const JobRunner::Share& share : shares)
                if (*static_cast<const int*>(share.part.get()) == 1) throw Error(ErrorKind::bad_input, "the second");
        };
        const JobId bad = jobs.other("bad", {}, false, true);
        for (int number = 0; number < 3; ++number) jobs.one(number);
        const JobId skipped = jobs.one(3, {bad});
        jobs.go = true;
        QTRY_COMPARE(jobs.ends.size(), std::size_t(4));
        QCOMPARE(jobs.passes, (std::vector<std::vector<int>>{{0, 1, 2}, {0}, {1}, {2}}));
        QCOMPARE(jobs.results, (std::map<int, int>{{0, 0}, {2, 20}}));
        QCOMPARE(jobs.ends[1], JobState::failed);
        QCOMPARE(state_of(jobs.runner, skipped), JobState::skipped);
        QTRY_VERIFY(!jobs.runner.busy());
    }

    void destruction_stops_a_pass() {
        std::atomic<bool> begun = false;
        {
            Together jobs;
            jobs.during = [&](std::span<JobRunner::Share>, JobContext& ctx) {
                for (begun = true;; QThread::msleep(1)) ctx.advance();
            };
            jobs.one(0);
            jobs.one(1);
            jobs.go = true;
            QTRY_VERIFY(begun);
        }
        QVERIFY(begun);
    }

    void a_held_job_stands_and_goes_on_where_it_was() {
        JobRunner runner;
        std::atomic<int> steps = 0;
        double worked = 0;
        const JobId id = runner.submit<int>(
            {.tag = {}, .title = "long"},
            [&steps](JobContext& ctx) {
                const WorkClock clock;
                ctx.progress.begin("counting", 200);
                for (int i = 0; i < 200; ++i) {
                    ++steps;
                    ctx.advance();
                    QThread::msleep(2);
                }
                return std::make_shared<const int>(static_cast<int>(clock.seconds() * 1000));
            },
            [&worked](std::shared_ptr<const int> milliseconds) { worked = *milliseconds; });
        const auto view = [&] { return runner.jobs().front(); };
        QTRY_VERIFY(steps > 3);
        runner.hold(id, true);
        QVERIFY(view().held && runner.busy() && !runner.moving());
        QThread::msleep(50); // its present step ends
        const int stood_at = steps;
        const double seconds = view().seconds;
        QThread::msleep(700);
        QCOMPARE(int(steps), stood_at);
        QVERIFY2(view().seconds < seconds + 0.1, "the time that it stands is not counted");
        QVERIFY(view().state == JobState::running);
        runner.hold(id, false);
        QTRY_COMPARE(view().state, JobState::done);
        QCOMPARE(int(steps), 200);
        QTRY_VERIFY(worked > 0);
        QVERIFY2(worked >= 390 && worked / 1000 < view().seconds + 0.05, qPrintable(QString::number(worked)));
    }

    void a_held_job_can_be_cancelled() {
        JobRunner runner;
        std::atomic<int> steps = 0;
        const JobId id = runner.submit<int>({.tag = {}, .title = "endless"},
                                            [&steps](JobContext& ctx) -> std::shared_ptr<const int> {
                                                while (true) {
                                                    ++steps;
                                                    ctx.advance();
                                                    QThread::msleep(1);
                                                }
                                            },
                                            {});
        QTRY_VERIFY(steps > 3);
        runner.hold(id, true);
        QThread::msleep(30);
        runner.cancel(id);
        QTRY_COMPARE_WITH_TIMEOUT(state_of(runner, id), JobState::cancelled, 1000);
    }

    void waiting_jobs_change_places_and_stay_behind_what_they_need() {
        JobRunner runner;
        std::atomic<bool> go = false;
        std::vector<int> order;
        const auto queue = [&](int number, std::vector<JobId> after = {}) {
            return runner.submit<int>(
                {.tag = {}, .title = QString::number(number), .after = std::move(after)},
                [number](JobContext&) { return std::make_shared<const int>(number); },
                [&order](std::shared_ptr<const int> value) { order.push_back(*value); });
        };
        const JobId first = runner.submit<int>({.tag = {}, .title = "first"},
                                               [&go](JobContext&) {
                                                   while (!go) QThread::msleep(1);
                                                   return std::make_shared<const int>(0);
                                               },
                                               {});
        QTRY_COMPARE(state_of(runner, first), JobState::running);
        const JobId one = queue(1), two = queue(2), three = queue(3, {two}), four = queue(4);
        runner.move(three, one); // takes along what it needs
        runner.move(four, one);
        runner.move(two, JobId{}); // cannot: the third needs it
        const auto places = [&] {
            std::vector<int> found;
            for (const JobView& job : runner.jobs()) found.push_back(job.place);
            return found;
        };
        QCOMPARE(places(), (std::vector<int>{-1, 3, 0, 1, 2}));
        go = true;
        QTRY_COMPARE(order.size(), std::size_t(4));
        QCOMPARE(order, (std::vector<int>{2, 3, 4, 1}));
    }

    void destruction_stops_and_joins() {
        std::atomic<bool> ended = false;
        QElapsedTimer timer;
        {
            JobRunner runner;
            std::atomic<bool> begun = false;
            runner.submit<int>({.tag = {}, .title = "endless"},
                               [&](JobContext& ctx) -> std::shared_ptr<const int> {
                                   struct AtEnd {
                                       std::atomic<bool>& flag;
                                       ~AtEnd() { flag = true; }
                                   } at_end{ended};
                                   begun = true;
                                   while (true) {
                                       ctx.advance();
                                       QThread::msleep(1);
                                   }
                               },
                               {});
            QTRY_VERIFY(begun);
            timer.start();
        }
        QVERIFY(ended);
        QVERIFY(timer.elapsed() < 1000);
    }

    void throttle_delivers_the_newest_at_most_ten_times_a_second() {
        QObject context;
        std::vector<int> delivered;
        const Throttle<int> throttle(&context, std::chrono::milliseconds(100),
                                     [&](const int& value) { delivered.push_back(value); });
        std::thread producer([offer = throttle.handle()] {
            for (int i = 0; i <= 250; ++i) {
                offer(i);
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
            }
        });
        QTRY_VERIFY(!delivered.empty() && delivered.back() == 250);
        producer.join();
        QVERIFY2(delivered.size() <= 8, qPrintable(QString::number(delivered.size())));
        QVERIFY(std::is_sorted(delivered.begin(), delivered.end()));
    }
};

GRATICULE_TEST(JobRunnerTest);
#include "tst_job_runner.moc"
