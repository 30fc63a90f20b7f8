// SLAC: the advice from given numbers, and the numbers against what GPTQ itself reports.
#include <QtTest/QTest>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <thread>

#include "core/engine/study_lengths.h"
#include "tests/support/test_main.h"

using namespace graticule;

namespace {

/// One site whose ratio and range at 128 and 512 tokens are these shares of those at 2048.
LengthStudy study_of(double ratio_128, double range_128) {
    LengthStudy study;
    study.lengths = {128, 512, 2048};
    study.sites.push_back({SiteId{},
                           "layers.0.mlp_input",
                           {"layers.0.fc1"},
                           {{ratio_128, 0.1, 5 * range_128}, {0.99, 0.1, 5}, {1, 0.1, 5}}});
    return study;
}

std::shared_ptr<const Evaluation> run_with(double loss) { // four windows that agree on a difference
    auto run = std::make_shared<Evaluation>();
    run->window_losses = {loss, loss + 0.1, loss - 0.1, loss + 0.05};
    run->perplexity = perplexity_of(run->window_losses);
    return run;
}

void measure(LengthStudy& study, const std::vector<double>& losses) {
    study.evaluated = {128};
    study.full_precision = {run_with(3)};
    for (const double loss : losses) study.perplexity.push_back({run_with(loss)});
}

Recipe gptq_recipe(std::int64_t length) {
    Recipe recipe;
    recipe.defaults = parse_scheme_line("w=int4/asym/channel gptq:length=" + std::to_string(length));
    recipe.calibration.samples = 4;
    recipe.calibration.length = 256;
    return recipe;
}

} // namespace

class TestLengthStudy : public QObject {
    Q_OBJECT

    static Workbench opened() {
        JobContext ctx;
        Workbench work;
        work.open(std::filesystem::path(GRATICULE_SOURCE_DIR) / "resources/samples/sample-opt", ctx);
        return work;
    }

private Q_SLOTS:
    void advice_data() {
        QTest::addColumn<int>("target");
        QTest::addColumn<double>("ratio");
        QTest::addColumn<double>("range");
        QTest::addColumn<int>("length");
        QTest::addColumn<QString>("basis");
        QTest::newRow("the ratio moves") << 100 << 3.0 << 1.0 << 128 << "paper";
        QTest::newRow("the range moves") << 100 << 1.0 << 0.5 << 128 << "paper";
        QTest::newRow("neither moves") << 100 << 0.95 << 1.05 << 2048 << "insensitive";
        QTest::newRow("the target is the longest") << 4096 << 3.0 << 1.0 << 2048 << "paper";
        QTest::newRow("between, on the scale of ratios") << 300 << 3.0 << 1.0 << 512 << "insensitive";
    }
    void advice() {
        QFETCH(int, target);
        QFETCH(double, ratio);
        QFETCH(double, range);
        QFETCH(int, length);
        QFETCH(QString, basis);
        LengthStudy study = study_of(ratio, range);
        if (target == 300) study.sites.front().at[1].absmax = 2; // 512 is nearest, and there the range moves
        const LengthAdvice found = advise_length(study, target);
        QCOMPARE(found.length, std::int64_t(length));
        if (target == 300) basis = "paper";
        QCOMPARE(QString::fromStdString(std::string(to_text(found.basis))), basis);
        QVERIFY2(found.reason.find("No perplexity was measured") != std::string::npos, found.reason.c_str());
    }
    void a_measured_difference_decides() {
        LengthStudy study = study_of(3, 0.5);
        measure(study, {3.2, 3.1, 3.15});
        const LengthAdvice found = advise_length(study, 100);
        QCOMPARE(found.own, std::int64_t(128));
        QCOMPARE(found.length, std::int64_t(512)); // better than 128 in every window alike, and better than 2048
        QVERIFY(found.basis == LengthAdvice::Basis::measured);
        QVERIFY(found.measured && found.measured->significant);
        QVERIFY(std::abs(found.measured->log_ratio + 0.1) < 1e-12);
    }
    void a_difference_within_its_interval_does_not() {
        LengthStudy study = study_of(3, 0.5);
        measure(study, {3.2, 3.2, 3.2});
        auto noisy = std::make_shared<Evaluation>(*study.perplexity[2][0]);
        noisy->window_losses = {3.6, 2.7, 3.5, 2.9}; // lower on the mean, but not window by window
        noisy->perplexity = perplexity_of(noisy->window_losses);
        study.perplexity[2][0] = noisy;
        const LengthAdvice found = advise_length(study, 100);
        QCOMPARE(found.length, std::int64_t(128));
        QVERIFY(found.basis == LengthAdvice::Basis::paper);
        QVERIFY(!found.measured);
    }

    // The first block's attention input does not depend on anything quantized before, so GPTQ, calibrated at a length,
    // must have met the very ratio that the study gives for that length.
    void ratios_are_those_gptq_meets() {
        Workbench work = opened();
        JobContext ctx;
        const auto study = study_lengths(work, {.tokens = 1024, .lengths = {256, 64}}, ctx);
        QCOMPARE(study->lengths, (std::vector<std::int64_t>{64, 256}));
        QCOMPARE(study->sites.size(), work.model()->input_sites().size());
        double previous = 0;
        for (std::size_t i = 0; i < study->lengths.size(); ++i) {
            const auto quantized = work.quantize(gptq_recipe(study->lengths[i]), false, ctx);
            const LengthEffect& effect = study->sites.front().at[i];
            char expected[64];
            std::snprintf(expected, sizeof expected, "update ratio at most %.3g, mean %.3g", *effect.update_ratio,
                          *effect.mean_update_ratio);
            const std::string& note = quantized->linears.front()->report.method_note;
            QVERIFY2(note.find(expected) != std::string::npos, (note + " against " + expected).c_str());
            QVERIFY(*effect.update_ratio != previous); // two lengths, two numbers
            previous = *effect.update_ratio;
        }
        // The first `length` tokens of a sample see the same context at every longer cut.
        const ActivationStats& stats = *work.statistics();
        const auto absmax = stats.sites.front().all().channels.absmax_per_channel();
        const float largest = *std::max_element(absmax.begin(), absmax.end());
        QVERIFY(std::abs(study->sites.front().at.back().absmax - double(largest)) < 1e-5 * double(largest));
    }
    void parts_of_a_plan_are_one_progress() {
        Progress progress;
        progress.begin("Alone", 2);
        QVERIFY(!progress.snapshot().share);
        progress.plan(10);
        progress.part(4);
        progress.begin("First", 2);
        progress.add(1);
        progress.begin("Looking up", 5); // within the same part: nothing goes back
        QCOMPARE(progress.snapshot().share.value(), 0.2);
        progress.part(6);
        QCOMPARE(progress.snapshot().share.value(), 0.4);
        progress.begin("Second", 3);
        progress.add(3);
        QCOMPARE(progress.snapshot().share.value(), 1.0);
    }

    void the_matrix_is_what_the_verbs_give() {
        Workbench work = opened();
        JobContext ctx;
        LengthStudySpec spec{.tokens = 256, .lengths = {64, 128}};
        Recipe recipe;
        recipe.defaults = parse_scheme_line("w=int3/asym/channel gptq");
        const Corpus corpus = load_text("", BuiltInText::evaluation);
        spec.matrix = {recipe, corpus, {32}, 128};
        std::vector<double> shares; // as a window sees them
        std::jthread watch([&](const std::stop_token& stop) {
            while (!stop.stop_requested()) {
                if (const auto share = ctx.progress.snapshot().share) shares.push_back(*share);
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
            }
        });
        const auto study = study_lengths(work, spec, ctx);
        watch.request_stop();
        watch.join();
        // One progress for all that is done, to its end.
        QVERIFY(!shares.empty() && std::ranges::is_sorted(shares));
        QVERIFY2(ctx.progress.snapshot().share.value() > 0.99, std::to_string(shares.back()).c_str());
        QCOMPARE(study->perplexity.size(), std::size_t(2));
        QCOMPARE(study->full_precision.size(), std::size_t(1));
        recipe.calibration = {"", 4, 64, CalibrationSpec::Pick::first, 0};
        work.quantize(recipe, false, ctx);
        EvaluationSpec evaluation;
        evaluation.window = 32;
        evaluation.max_windows = 4;
        const auto run = work.evaluate(true, corpus, evaluation, ctx);
        QCOMPARE(study->perplexity[0][0]->window_losses, run->window_losses);
        QVERIFY(study->perplexity[1][0]->window_losses != run->window_losses);
    }
    void lengths_that_see_different_tokens_are_refused() {
        Workbench work = opened();
        JobContext ctx;
        const auto problem = [&](const LengthStudySpec& spec) {
            try {
                (void)study_lengths(work, spec, ctx);
            } catch (const Error& error) {
                return std::string(error.what());
            }
            return std::string("no error");
        };
        QVERIFY(problem({.tokens = 512, .lengths = {100, 256}}).find("100 does not divide the longest, 256") !=
                std::string::npos);
        QVERIFY(problem({.tokens = 300, .lengths = {128, 256}}).find("300 tokens are not a multiple") !=
                std::string::npos);
    }
};

GRATICULE_TEST(TestLengthStudy);
#include "tst_length_study.moc"
