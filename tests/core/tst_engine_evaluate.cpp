// Perplexity against transformers on the built-in text, the statistics around it, and calibration.
#include <QtTest/QTest>

#include <algorithm>
#include <cmath>
#include <map>

#include "core/engine/engine.h"
#include "core/engine/resources.h"
#include "core/io/tokenizer.h"
#include "core/report/json_results.h"
#include "core/report/read_results.h"
#include "core/runtime/model_runner.h"
#include "tests/support/error_message.h"
#include "tests/support/shared_data.h"
#include "tests/support/test_main.h"

using namespace graticule;

namespace {

std::filesystem::path sample(const std::string& name) {
    return std::filesystem::path(GRATICULE_SOURCE_DIR) / "resources/samples" / name;
}

Corpus evaluation_text() { return load_corpus(sample("text/evaluation.txt")); }

Evaluation run_of(std::vector<double> losses) {
    Evaluation run;
    run.window_losses = std::move(losses);
    run.perplexity = perplexity_of(run.window_losses);
    return run;
}

using testing::error_message;

/// A token a byte, for models without a tokenizer.
class Letters final : public Tokenizer {
public:
    [[nodiscard]] std::vector<std::int32_t> encode(std::string_view text, bool) const override {
        std::vector<std::int32_t> ids;
        for (const char letter : text) ids.push_back(static_cast<unsigned char>(letter));
        return ids;
    }
    [[nodiscard]] std::string decode(std::span<const std::int32_t>) const override { return {}; }
    [[nodiscard]] std::int64_t vocab_size() const override { return 256; }
    [[nodiscard]] std::string token_text(std::int32_t) const override { return {}; }
    [[nodiscard]] std::optional<std::int32_t> bos() const override { return std::nullopt; }
    [[nodiscard]] std::optional<std::int32_t> eos() const override { return std::nullopt; }
    [[nodiscard]] std::string description() const override { return "letters"; }
};

/// Stops the job at the n-th token of progress.
struct StopAfter {
    JobContext& ctx;
    int left;
    void operator()() {
        if (--left == 0) ctx.cancel.request();
    }
};

} // namespace

class TestEngineEvaluate : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void losses_agree_with_transformers_data() {
        QTest::addColumn<QString>("model");
        QTest::addColumn<QList<double>>("losses");
        // transformers 5.17.0, torch 2.11.0, float32 on the CPU: mean cross entropy of the first six windows of 256
        // tokens of resources/samples/text/evaluation.txt, BOS in front of the first.
        QTest::newRow("opt") << "sample-opt"
                             << QList<double>{3.7641686, 3.5044488, 3.4934816, 3.2625539, 3.3451111, 3.6101871};
        QTest::newRow("llama") << "sample-llama"
                               << QList<double>{3.6465081, 3.5251989, 3.4497145, 3.2881885, 3.4910556, 3.451764};
    }
    void losses_agree_with_transformers() {
        QFETCH(QString, model);
        QFETCH(QList<double>, losses);
        JobContext ctx;
        const OpenedModel opened = open_model(sample(model.toStdString()), ctx);
        EvaluationSpec spec;
        spec.window = 256;
        spec.max_windows = losses.size();
        std::vector<std::size_t> seen;
        const auto run = evaluate(opened.model, nullptr, *opened.tokenizer, evaluation_text(), spec, ctx,
                                  [&](const Evaluation& so_far) { seen.push_back(so_far.window_losses.size()); });
        QCOMPARE(run->window_losses.size(), static_cast<std::size_t>(losses.size()));
        for (std::size_t i = 0; i < run->window_losses.size(); ++i)
            QVERIFY2(std::abs(run->window_losses[i] - losses[static_cast<int>(i)]) < 2e-5,
                     std::to_string(run->window_losses[i]).c_str());
        QCOMPARE(seen, (std::vector<std::size_t>{1, 2, 3, 4, 5, 6})); // live, one window at a time
        QVERIFY(run->complete);
        QCOMPARE(run->tokens, std::int64_t{6 * 255});
        QCOMPARE(run->protocol.bos, std::string("once"));
        QVERIFY(run->standard_error.value() > 0);
        QCOMPARE(run->run_name, std::string("full precision"));
        QCOMPARE(run->provenance.model_hash, *opened.model->known_hash());
        QVERIFY(!run->provenance.data_hash.empty() && run->provenance.recipe_hash.empty());
        QCOMPARE(run->provenance.backend, std::string(open_device("cpu").kernels().name()));
    }

    void a_stopped_evaluation_goes_on_where_it_stopped() {
        JobContext whole_ctx;
        const OpenedModel opened = open_model(sample("sample-opt"), whole_ctx);
        EvaluationSpec spec;
        spec.window = 64;
        spec.max_windows = 6;
        const auto whole = evaluate(opened.model, nullptr, *opened.tokenizer, evaluation_text(), spec, whole_ctx);
        JobContext stopped_ctx;
        auto stopped = std::make_shared<Evaluation>();
        try {
            (void)evaluate(opened.model, nullptr, *opened.tokenizer, evaluation_text(), spec, stopped_ctx,
                           [&](const Evaluation& so_far) {
                               *stopped = so_far;
                               if (so_far.window_losses.size() == 4) stopped_ctx.cancel.request();
                           });
            QFAIL("it ran to its end");
        } catch (const Cancelled&) {
        }
        QCOMPARE(stopped->window_losses.size(), std::size_t{4});
        JobContext ctx;
        std::vector<std::size_t> seen;
        spec.resume = stopped;
        const auto resumed = evaluate(opened.model, nullptr, *opened.tokenizer, evaluation_text(), spec, ctx,
                                      [&](const Evaluation& so_far) { seen.push_back(so_far.window_losses.size()); });
        QCOMPARE(seen, (std::vector<std::size_t>{5, 6})); // no window twice
        QCOMPARE(resumed->window_losses, whole->window_losses);
        QCOMPARE(resumed->perplexity, whole->perplexity);
        QVERIFY(resumed->complete);
        // Of another protocol it is no beginning.
        seen.clear();
        spec.window = 128;
        (void)evaluate(opened.model, nullptr, *opened.tokenizer, evaluation_text(), spec, ctx,
                       [&](const Evaluation& so_far) { seen.push_back(so_far.window_losses.size()); });
        QCOMPARE(seen.front(), std::size_t{1});
    }

    void a_short_text_is_refused() {
        JobContext ctx;
        const OpenedModel opened = open_model(sample("sample-llama"), ctx);
        const Corpus corpus = make_corpus("note.txt", "Only a few words.");
        const std::string evaluating = error_message(
            [&] { static_cast<void>(evaluate(opened.model, nullptr, *opened.tokenizer, corpus, {}, ctx)); });
        QVERIFY2(evaluating.find("note.txt") != std::string::npos && evaluating.find("2048") != std::string::npos,
                 evaluating.c_str());
        CalibrationSpec spec;
        spec.samples = 2;
        spec.length = 8;
        const std::vector<std::int32_t> nine(9, 1);
        QVERIFY(error_message([&] { static_cast<void>(pick_samples(nine, spec)); }).find("1 samples of 8") !=
                std::string::npos);
        spec.pick = CalibrationSpec::Pick::random;
        QCOMPARE(pick_samples(nine, spec).size(), std::size_t{2});
        QCOMPARE(pick_samples(nine, spec), pick_samples(nine, spec));
        spec.length = 10;
        QVERIFY(error_message([&] { static_cast<void>(pick_samples(nine, spec)); }).find("fewer than one") !=
                std::string::npos);
    }

    void one_window_has_no_standard_error() {
        JobContext ctx;
        const OpenedModel opened = open_model(sample("sample-llama"), ctx);
        EvaluationSpec spec;
        spec.window = 64;
        spec.max_windows = 1;
        QVERIFY(!evaluate(opened.model, nullptr, *opened.tokenizer, evaluation_text(), spec, ctx)->standard_error);
    }

    void cancelling_stops_an_evaluation() {
        JobContext ctx;
        const OpenedModel opened = open_model(sample("sample-llama"), ctx);
        EvaluationSpec spec;
        spec.window = 64;
        StopAfter stop{ctx, 2};
        QVERIFY_EXCEPTION_THROWN(static_cast<void>(evaluate(opened.model, nullptr, *opened.tokenizer, evaluation_text(),
                                                            spec, ctx, [&](const Evaluation&) { stop(); })),
                                 Cancelled);
    }

    void paired_difference_of_known_losses() {
        // d = 0.1, 0.2, 0.3: mean 0.2, standard deviation 0.1, standard error 0.1/sqrt(3); t(2, 97.5 %) = 4.302653.
        const Evaluation a = run_of({2.0, 3.0, 4.0});
        const Evaluation b = run_of({2.1, 3.2, 4.3});
        const Comparison comparison = compare(a, b);
        QVERIFY(comparison.difference);
        const PairedDifference& d = *comparison.difference;
        QVERIFY(std::abs(d.log_ratio - 0.2) < 1e-12);
        QVERIFY(std::abs(d.log_ratio_error - 0.1 / std::sqrt(3.0)) < 1e-12);
        const double reach = 4.302653 * 0.1 / std::sqrt(3.0);
        QVERIFY(std::abs(d.interval_low - std::exp(3.0) * std::expm1(0.2 - reach)) < 1e-9);
        QVERIFY(std::abs(d.interval_high - std::exp(3.0) * std::expm1(0.2 + reach)) < 1e-9);
        QVERIFY(!d.significant);
        QVERIFY(std::abs(d.percent - 100 * std::expm1(0.2)) < 1e-9);
    }

    void metrics_are_rows() {
        const Metric* metric = find_metric("perplexity");
        QVERIFY(metric != nullptr && metric->lower_is_better);
        const std::vector<double> losses = {std::log(2.0), std::log(8.0)};
        QVERIFY(std::abs(metric->figure(losses) - 4) < 1e-12);
        QVERIFY(!metric->standard_error(std::span(losses).first(1)));
        // exp(mean) times the standard deviation of the two logarithms over sqrt(2).
        QVERIFY(std::abs(metric->standard_error(losses).value() - 4 * std::log(4.0) / 2) < 1e-12);
        for (const Metric& row : all_metrics()) {
            QCOMPARE(find_metric(row.name), &row);
            QVERIFY(!row.label.empty() && !row.item.empty() && row.figure && row.standard_error && row.interval);
            const std::vector<double> items = {1, 0, 1, 1, 0, 1, 1, 1};
            QVERIFY(row.interval(items).contains(row.figure(items)));
            // Nothing changed; everything did, the same way: 2 (1/2)^8 by McNemar, and no spread by Student.
            if (row.paired_test) QCOMPARE(row.paired_test(std::vector<double>(8, 0.0)), 1.0);
        }
        QVERIFY(find_metric("accuracy of nothing") == nullptr);
        QVERIFY(error_message([] { static_cast<void>(Measurement{"none such", {}, {1.0}}.figure()); }) != "no error");
    }

    void the_running_difference_ends_where_the_comparison_is() {
        const Evaluation a = run_of({2.0, 3.0, 4.0}), b = run_of({2.1, 3.2, 4.3});
        const auto running = running_difference(a.window_losses, b.window_losses);
        QCOMPARE(running.size(), std::size_t(3));
        QVERIFY(std::isinf(running[0].interval_high) && !running[0].significant); // one window has no spread
        QVERIFY(std::isinf(running[0].interval_low) && std::isinf(running[0].log_ratio_error));
        // d = 0.1, 0.2: mean 0.15, standard error 0.05; t(1, 97.5 %) = 12.706205, and not 1.96.
        const double reach = 12.706205 * 0.05;
        QVERIFY(std::abs(running[1].interval_low - std::exp(2.5) * std::expm1(0.15 - reach)) < 1e-9);
        QVERIFY(std::abs(running[1].interval_high - std::exp(2.5) * std::expm1(0.15 + reach)) < 1e-9);
        const PairedDifference last = *compare(a, b).difference;
        QCOMPARE(running[2].interval_low, last.interval_low);
        QCOMPARE(running[2].interval_high, last.interval_high);
        // A run under way has fewer windows than its baseline.
        QCOMPARE(running_difference(a.window_losses, {2.1}).size(), std::size_t(1));
        QVERIFY(running_difference({}, b.window_losses).empty());
    }

    void different_protocols_are_not_compared() {
        const Evaluation a = run_of({2.0, 3.0});
        Evaluation b = a;
        b.protocol.window = 512;
        QVERIFY(!compare(a, b).difference);
        QVERIFY(compare(a, b).notes.has_errors());
        Evaluation c = a;
        c.provenance.model_hash = "another";
        QVERIFY(!compare(a, c).difference);
        Evaluation d = a;
        d.provenance.device = "cuda"; // worth saying, no obstacle
        QVERIFY(compare(a, d).difference && !compare(a, d).notes.items.empty());
        Evaluation e = a;
        e.meaningless = "the states are too large";
        QVERIFY(!compare(a, e).difference && !compare(e, a).difference);
        QVERIFY(compare(a, e).notes.text().find(e.meaningless) != std::string::npos);
        QCOMPARE(read_evaluation(to_json(e, Timing::include)).meaningless, e.meaningless);
        QVERIFY(!compare(a, run_of({2.0})).difference);
        QVERIFY(!compare(run_of({}), run_of({})).difference);
    }

    void calibration_fills_every_site_and_bucket() {
        JobContext ctx;
        const OpenedModel opened = open_model(sample("sample-llama"), ctx);
        CalibrationSpec spec;
        spec.text = sample("text/calibration.txt");
        spec.samples = 3;
        spec.length = 160;
        int snapshots = 0;
        const auto stats = calibrate(*opened.model, *opened.tokenizer, spec, ctx,
                                     [&](const std::shared_ptr<const ActivationStats>& snapshot) {
                                         ++snapshots;
                                         QCOMPARE(snapshot->sites.size(), opened.model->input_sites().size());
                                     });
        QVERIFY(snapshots >= 1);
        QCOMPARE(stats->sites.size(), opened.model->input_sites().size());
        for (const SiteStats& site : stats->sites) {
            QCOMPARE(site.buckets.size(), std::size_t{3}); // 64, 128, 160
            QCOMPARE(site.buckets[0].channels.tokens, std::int64_t{3 * 64});
            QCOMPARE(site.all().channels.tokens, std::int64_t{3 * 160});
            const auto channels = static_cast<std::int64_t>(site.all().channels.channels());
            QCOMPARE(site.all().histogram.count(), 3 * 160 * channels);
            QCOMPARE(site.kept_rows.shape, (Shape{480, channels})); // fewer than 512 tokens: all are kept
            QCOMPARE(site.token_absmax.size(), std::size_t{480});
            const auto absmax = site.all().channels.absmax_per_channel();
            QCOMPARE(*std::ranges::max_element(site.token_absmax), *std::ranges::max_element(absmax));
        }
        QVERIFY(stats->seconds_observing > 0 && stats->seconds_observing < stats->seconds);
        QCOMPARE(stats->provenance.model_hash, *opened.model->known_hash());
        // What the models' README says: a few channels of down_proj's input stand out.
        double ratio = 0;
        for (const Block& block : opened.model->blocks()) {
            const SiteId hidden = opened.model->linear(block.mlps.front().down).site;
            ratio = std::max(ratio, find_outliers(stats->sites[index_of(hidden)].all().channels).ratio);
        }
        QVERIFY2(ratio > outlier_factor, std::to_string(ratio).c_str());
    }

    /// Every token of a mixture of experts goes to two of them; their sites saw those tokens and no others.
    void experts_see_the_tokens_sent_to_them() {
        if (!graticule::testing::have_shared("fixtures/families/mixtral"))
            QSKIP("needs the reference data fixtures/families");
        JobContext ctx;
        const auto model = open_model(graticule::testing::shared_dir() / "fixtures/families/mixtral", ctx).model;
        constexpr std::int64_t samples = 2, length = 100;
        std::vector<std::vector<std::int32_t>> ids(samples);
        for (std::size_t sample = 0; sample < ids.size(); ++sample)
            for (std::int32_t i = 0; i < length; ++i)
                ids[sample].push_back((i * 37 + static_cast<std::int32_t>(sample) * 11) % 320);
        const std::vector<ModelRunner::Window> windows(ids.begin(), ids.end());
        const StatisticsPlan plan = statistics_plan(*model, samples, length);
        QCOMPARE(plan.ends, (std::vector<std::int64_t>{64, 100}));
        std::map<SiteId, SiteStats> seen;
        ModelRunner runner(model, std::shared_ptr<const QuantizedModel>(), open_device("cpu"));
        runner.observe(windows, &plan, ctx, [&](SiteStats&& site) { seen[site.site] = std::move(site); });
        for (const Block& block : model->blocks()) {
            std::int64_t tokens = 0, early = 0;
            std::map<std::int64_t, int> experts_of;
            for (const Mlp& mlp : block.mlps) {
                const SiteId id = model->linear(mlp.down).site;
                if (!seen.contains(id)) continue; // no token came
                const SiteStats& site = seen.at(id);
                const ChannelStats& all = site.all().channels;
                tokens += all.tokens;
                early += site.buckets.front().channels.tokens;
                QCOMPARE(std::ssize(site.kept_tokens), all.tokens); // so few tokens are kept as a whole
                for (const std::int64_t token : site.kept_tokens) ++experts_of[token];
                // What was kept gives the same statistics.
                const std::vector<float> rows = to_floats(site.kept_rows);
                const std::size_t channels = all.channels();
                for (std::size_t c = 0; c < channels; ++c) {
                    double sum = 0;
                    float lowest = rows[c];
                    for (std::size_t row = 0; row * channels < rows.size(); ++row) {
                        sum += double(rows[row * channels + c]);
                        lowest = std::min(lowest, rows[row * channels + c]);
                    }
                    QCOMPARE(all.minimum[c], lowest);
                    QVERIFY(std::abs(all.mean[c] - sum / double(all.tokens)) < 1e-9);
                }
            }
            QCOMPARE(tokens, 2 * samples * length);
            QCOMPARE(early, 2 * samples * 64);
            QCOMPARE(std::ssize(experts_of), samples * length);
            for (const auto& [token, experts] : experts_of) QCOMPARE(experts, 2);
        }
    }

    void experts_that_saw_few_are_said() {
        if (!graticule::testing::have_shared("fixtures/families/mixtral"))
            QSKIP("needs the reference data fixtures/families");
        const auto said = [](const char* family, std::int64_t samples) {
            JobContext ctx;
            std::string log;
            const auto model = open_model(graticule::testing::shared_dir() / "fixtures/families" / family, ctx).model;
            CalibrationSpec spec;
            spec.text = sample("text/calibration.txt");
            spec.samples = samples;
            spec.length = 16;
            ctx.log = [&](const std::string& line) { log += line + "\n"; };
            static_cast<void>(calibrate(*model, Letters(), spec, ctx));
            return log;
        };
        const std::string log = said("mixtral", 2); // 32 tokens, 64 inputs
        QVERIFY2(log.find("experts saw fewer calibration tokens than they have inputs, layers.") != std::string::npos,
                 log.c_str());
        QVERIFY(said("llama", 2).find("experts") == std::string::npos);
    }

    void cancelling_stops_a_calibration() {
        JobContext ctx;
        const OpenedModel opened = open_model(sample("sample-opt"), ctx);
        CalibrationSpec spec;
        spec.text = sample("text/calibration.txt");
        spec.samples = 2;
        spec.length = 64;
        StopAfter stop{ctx, 1};
        QVERIFY_EXCEPTION_THROWN(
            static_cast<void>(calibrate(*opened.model, *opened.tokenizer, spec, ctx, [&](const auto&) { stop(); })),
            Cancelled);
    }
};

GRATICULE_TEST(TestEngineEvaluate);
#include "tst_engine_evaluate.moc"
