// The runs as a list: which one differences refer to, and names that tell runs apart.
#include <QtTest/QTest>
#include <algorithm>
#include <cmath>
#include <set>

#include "app/session/run_list.h"
#include "app/session/run_names.h"
#include "core/engine/engine.h"
#include "core/engine/resources.h"
#include "tests/support/test_main.h"

using namespace graticule;

namespace {
Evaluation evaluation_of(const EvaluationChoice& choice) {
    Evaluation evaluation;
    evaluation.protocol.window = choice.window;
    evaluation.protocol.windows_used = choice.windows;
    evaluation.window_losses.assign(static_cast<std::size_t>(choice.windows), 2.5);
    evaluation.perplexity = std::exp(2.5);
    return evaluation;
}

Run run_of(const char* line, const EvaluationChoice& choice, bool full_precision = false) {
    Run run;
    run.full_precision = full_precision;
    run.choice = choice;
    run.recipe.defaults = parse_scheme_line(line);
    run.name = full_precision ? QStringLiteral("full precision") : QString::fromStdString(summary_line(run.recipe));
    run.evaluation = evaluation_of(choice);
    run.state = JobState::done;
    return run;
}

const EvaluationChoice brief{{}, 64, 3}, lengthy{{}, 512, 2};

RunProtocol of(const EvaluationChoice& choice) {
    Run run;
    run.choice = choice;
    return run.protocol();
}
} // namespace

class RunListTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void every_protocol_has_a_baseline_of_its_own() {
        JobRunner jobs;
        RunList list(jobs, RunJournal(), nullptr);
        QCOMPARE(list.baseline(), 0);
        const int first = list.add(run_of("w=int4", brief));
        QCOMPARE(list.baseline(), first); // there is nothing else
        const int full = list.add(run_of("none", brief, true));
        QCOMPARE(list.baselineOf(of(brief)), full);
        const int other_full = list.add(run_of("none", lengthy, true)), other = list.add(run_of("w=int4", lengthy));
        QCOMPARE(list.baselineOf(of(brief)), full);
        QCOMPARE(list.baselineOf(of(lengthy)), other_full);
        QCOMPARE(list.protocol(), of(lengthy)); // of the newest run: what plots of many runs show
        QCOMPARE(list.baseline(), other_full);
        list.setBaseline(first);
        QCOMPARE(list.baselineOf(of(brief)), first);
        QCOMPARE(list.baselineOf(of(lengthy)), other_full);
        QCOMPARE(list.protocol(), of(brief));
        Q_UNUSED(other)
    }

    /// A stopped run of another protocol does not take the place of what is finished, and each can be looked at.
    void what_comes_back_leaves_the_protocol_that_is_shown() {
        JobRunner jobs;
        RunList list(jobs, RunJournal(), nullptr);
        const int full = list.bringBack(run_of("none", brief, true));
        Run stopped = run_of("none", lengthy, true);
        stopped.state = JobState::cancelled;
        stopped.evaluation->complete = false;
        stopped.evaluation->window_losses.resize(1);
        const int other = list.bringBack(stopped);
        QCOMPARE(list.protocol(), of(brief));
        QCOMPARE(list.baseline(), full);
        list.show(other);
        QCOMPARE(list.protocol(), of(lengthy));
        QCOMPARE(list.baseline(), 0); // nothing there is whole
        list.show(full);
        QCOMPARE(list.baseline(), full);
    }

    void a_baseline_that_goes_gives_way_to_the_one_before() {
        JobRunner jobs;
        RunList list(jobs, RunJournal(), nullptr);
        JobContext ctx;
        list.setModel(open_model(resolve_model_path("sample-opt"), ctx).model);
        const int full = list.add(run_of("none", brief, true));
        const int a = list.add(run_of("w=int4", brief)), b = list.add(run_of("w=int8", brief));
        list.setBaseline(a);
        list.setBaseline(b);
        QCOMPARE(list.baseline(), b);
        list.remove(b);
        QCOMPARE(list.baseline(), a);
        list.remove(a);
        QCOMPARE(list.baseline(), full);
    }

    void a_cancelled_baseline_is_none() {
        JobRunner jobs;
        RunList list(jobs, RunJournal(), nullptr);
        const int a = list.add(run_of("w=int4", brief));
        Run cancelled = run_of("none", brief, true);
        cancelled.state = JobState::cancelled;
        cancelled.evaluation.reset();
        list.add(cancelled);
        QCOMPARE(list.baseline(), a);
    }

    void a_stopped_run_is_found_again_by_its_recipe() {
        JobRunner jobs;
        RunList list(jobs, RunJournal(), nullptr);
        Run stopped = run_of("w=int4", brief);
        stopped.state = JobState::cancelled;
        stopped.evaluation->complete = false;
        stopped.evaluation->window_losses.resize(2);
        const int id = list.add(stopped);
        QVERIFY(list.stopped(run_of("w=int8", brief)) == nullptr);
        QVERIFY(list.stopped(run_of("w=int4", lengthy)) == nullptr);
        QVERIFY(list.stopped(run_of("w=int4", brief)) == list.find(id));
        Run there = run_of("w=int4", brief);
        there.evaluation.reset();
        there.host = "gpu-host"; // is asked of another machine
        QVERIFY(list.stopped(there) == nullptr);
        list.setJobs(id, {JobId{1}}); // on its way again
        QVERIFY(list.stopped(run_of("w=int4", brief)) == nullptr);
        QVERIFY(list.find(id)->alive());
    }

    void a_run_that_was_cancelled_before_it_began_is_no_second_one() {
        JobRunner jobs;
        RunList list(jobs, RunJournal(), nullptr);
        Run cancelled = run_of("w=int4", brief);
        cancelled.state = JobState::cancelled;
        cancelled.evaluation.reset();
        const int id = list.add(cancelled);
        QVERIFY(list.stopped(run_of("w=int4", brief)) == list.find(id));
        QVERIFY(!list.find(id)->resumable()); // there is nothing to go on from
        const int done = list.add(run_of("w=int8", brief));
        QVERIFY(list.find(done)->alive() && list.stopped(run_of("w=int8", brief)) == nullptr);
    }

    /// From the journal, a session file or a draft, in any order: one line, as far as any of them has come.
    void a_run_that_was_kept_twice_comes_back_once() {
        Run whole = run_of("w=int4", brief), early = whole, late = whole;
        const auto stop = [](Run& run, std::size_t windows) {
            run.state = JobState::cancelled;
            run.evaluation->complete = false;
            run.evaluation->window_losses.resize(windows);
        };
        stop(early, 1);
        stop(late, 2);
        whole.evaluation->complete = true;
        std::vector<const Run*> all{&early, &late, &whole};
        do {
            JobRunner jobs;
            RunList list(jobs, RunJournal(), nullptr);
            std::set<int> ids;
            for (const Run* run : all) ids.insert(list.bringBack(*run));
            QCOMPARE(list.all().size(), std::size_t(1));
            QCOMPARE(ids.size(), std::size_t(1));
            QVERIFY(list.all().front().finished());
            QCOMPARE(list.all().front().evaluation->window_losses.size(), std::size_t(3));
        } while (std::ranges::next_permutation(all).found);
        JobRunner jobs;
        RunList list(jobs, RunJournal(), nullptr);
        const int id = list.bringBack(early);
        list.setJobs(id, {JobId{1}}); // on its way again: its own job goes on from where it was
        QCOMPARE(list.bringBack(late), id);
        QCOMPARE(list.find(id)->evaluation->window_losses.size(), std::size_t(1));
        list.bringBack(run_of("w=int8", brief));
        QCOMPARE(list.all().size(), std::size_t(2));
    }

    void runs_that_differ_have_names_that_differ_data() {
        QTest::addColumn<QString>("part");
        QTest::newRow("calibration") << QStringLiteral("calibrated 128 × 2048");
        QTest::newRow("seed") << QStringLiteral("seed 7");
        QTest::newRow("protocol") << QStringLiteral("2 × 512");
        QTest::newRow("precision") << QStringLiteral("bfloat16");
        QTest::newRow("rules") << QStringLiteral("*.fc2 => w=int8");
        QTest::newRow("schemes of many rules") << QStringLiteral("recipe ");
        QTest::newRow("nothing") << QStringLiteral("again 1");
    }
    void runs_that_differ_have_names_that_differ() {
        QFETCH(QString, part);
        Run a = run_of("w=int4 gptq", brief), b = a;
        const QString what = QString::fromLatin1(QTest::currentDataTag());
        if (what == u"calibration") b.recipe.calibration.samples = 128, b.recipe.calibration.length = 2048;
        if (what == u"seed") b.recipe.calibration.pick = CalibrationSpec::Pick::random, b.recipe.calibration.seed = 7;
        if (what == u"protocol") b.choice = lengthy;
        if (what == u"precision") b.execution.compute = Compute::bfloat16;
        if (what == u"rules") {
            for (Run* run : {&a, &b}) {
                run->recipe.rules.push_back({run == &a ? "*.fc1" : "*.fc2", false, parse_scheme_line("w=int8")});
                run->name = QString::fromStdString(summary_line(run->recipe));
            }
        }
        if (what == u"schemes of many rules") {
            for (Run* run : {&a, &b}) {
                for (const char* pattern : {"*.fc1", "*.fc2"})
                    run->recipe.rules.push_back({pattern, false, parse_scheme_line(run == &a ? "w=int8" : "w=int6")});
                run->name = QString::fromStdString(summary_line(run->recipe));
            }
        }
        const std::vector<RunName> names = run_names({a, b});
        QVERIFY2(names[0].whole() != names[1].whole(), qPrintable(names[0].whole()));
        QVERIFY2(names[1].whole().contains(part), qPrintable(names[1].whole()));
        QVERIFY(names[0].name.startsWith(a.name));
        // The protocol stands in a column of its own: it is no part of the name there.
        QCOMPARE(names[1].protocol.isEmpty(), what != u"protocol" && what != u"precision");
        if (!names[1].protocol.isEmpty()) QCOMPARE(names[1].name, b.name);
    }

    /// All that are compared, not the first two alone; full precision has none.
    void calibrations_that_differ_are_named_of_every_run() {
        Run a = run_of("w=int4 gptq", brief), b = a, c = a;
        const Run full = run_of("none", brief, true);
        a.recipe.calibration.samples = b.recipe.calibration.samples = 8;
        c.recipe.calibration.samples = 16;
        QCOMPARE(calibrations_text({&a, &b, &c}), QStringLiteral("A was calibrated 8 × 512, B 8 × 512, C 16 × 512"));
        QCOMPARE(calibrations_text({&full, &a, &c}), QStringLiteral("B was calibrated 8 × 512, C 16 × 512"));
        QVERIFY(calibrations_text({&a, &b}).isEmpty());
        QVERIFY(calibrations_text({&full, &a, &b}).isEmpty());
    }

    void a_lone_run_has_its_own_name() {
        const Run a = run_of("w=int4 gptq", brief), b = run_of("w=int8", lengthy);
        const std::vector<RunName> names = run_names({a, b});
        QCOMPARE(names[0].whole(), a.name);
        QCOMPARE(names[1].whole(), b.name);
    }
};

GRATICULE_TEST(RunListTest);
#include "tst_run_list.moc"
