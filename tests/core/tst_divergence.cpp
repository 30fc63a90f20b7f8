// Divergence of recipes from their baseline against transformers, and against what the two models' logits say.
#include <QtTest/QTest>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/engine/engine.h"
#include "core/engine/resources.h"
#include "core/result/divergence.h"
#include "core/runtime/model_runner.h"
#include "tests/support/measures_fixture.h"
#include "tests/support/shared_data.h"
#include "tests/support/test_main.h"

using namespace graticule;

namespace {

using Quantized = std::shared_ptr<const QuantizedModel>;

Quantized quantized_with(const OpenedModel& opened, const std::string& line) {
    Recipe recipe;
    recipe.defaults = parse_scheme_line(line);
    JobContext ctx;
    return quantize(opened.model, nullptr, *resolve(recipe, *opened.model).resolved, ctx);
}

std::vector<double> log_probabilities(const float* logits, std::int64_t vocabulary) {
    double sum = 0;
    for (std::int64_t i = 0; i < vocabulary; ++i) sum += std::exp(double(logits[i]));
    std::vector<double> result;
    for (std::int64_t i = 0; i < vocabulary; ++i) result.push_back(double(logits[i]) - std::log(sum));
    return result;
}

/// One window of three targets.
Evaluation run_of(std::vector<TokenPrediction> predictions) {
    Evaluation run;
    run.protocol.window = 4;
    run.predictions = std::move(predictions);
    return run;
}

} // namespace

class TestDivergence : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void agrees_with_transformers_data() { testing::divergence_rows("sample-opt"); }
    void agrees_with_transformers() {
        QFETCH(QString, line);
        GRATICULE_NEEDS_SHARED("fixtures/measures/sample-opt.json");
        GRATICULE_NEEDS_SHARED("data/wikitext2/wiki.test.raw");
        testing::check_divergence("sample-opt", resolve_model_path("sample-opt"), line.toStdString());
    }

    void figures_are_those_of_the_logits() {
        JobContext ctx;
        const OpenedModel opened = open_model(resolve_model_path("sample-llama"), ctx);
        const std::vector<Quantized> sides = {nullptr, quantized_with(opened, "w=int3/asym/g64"),
                                              quantized_with(opened, "w=int8/sym/channel a=int8/sym/token")};
        std::vector<std::int32_t> ids;
        for (std::int32_t i = 0; i < 48; ++i) ids.push_back(1 + (i * 37) % 4000);
        const std::vector<ModelRunner::Window> windows = {std::span(ids).first(24), std::span(ids).subspan(24)};
        ModelRunner runner(opened.model, sides, open_device("cpu"));
        std::vector<std::vector<double>> losses, expected_losses;
        std::vector<std::vector<TokenPredictions>> seen;
        std::vector<std::vector<std::vector<LikelyToken>>> likely;
        runner.window_predictions(windows, 1, 5, ctx, [&](ModelRunner::WindowPredictions&& window) {
            losses.push_back(std::move(window.losses));
            seen.push_back(std::move(window.sides));
            likely.push_back(std::move(window.likely));
        });
        runner.window_losses(windows, 1, ctx, [&](std::span<const double> of_sides) {
            expected_losses.emplace_back(of_sides.begin(), of_sides.end());
        });
        QCOMPARE(losses, expected_losses); // to the last bit
        QCOMPARE(seen.size(), windows.size());
        for (std::size_t window = 0; window < windows.size(); ++window) {
            const std::vector<std::vector<std::int32_t>> row = {{windows[window].begin(), windows[window].end()}};
            const HostTensor before = logits(opened.model, nullptr, row, ctx);
            const std::vector<float> base = to_floats(before);
            const std::int64_t vocabulary = before.shape.back();
            for (std::size_t side = 0; side < sides.size(); ++side) {
                const std::vector<float> other = to_floats(logits(opened.model, sides[side], row, ctx));
                const TokenPredictions& predictions = seen[window][side];
                QCOMPARE(predictions.size(), windows[window].size() - 1);
                for (std::size_t t = 0; t < predictions.size(); ++t) {
                    const auto p = log_probabilities(base.data() + std::int64_t(t) * vocabulary, vocabulary);
                    const auto q = log_probabilities(other.data() + std::int64_t(t) * vocabulary, vocabulary);
                    double divergence = 0;
                    for (std::size_t i = 0; i < p.size(); ++i) divergence += std::exp(p[i]) * (p[i] - q[i]);
                    const TokenPrediction& token = predictions[t];
                    QCOMPARE(token.token, row[0][t + 1]);
                    QCOMPARE(token.choice, std::int32_t(std::ranges::max_element(q) - q.begin()));
                    QVERIFY(std::abs(double(token.loss) + q[std::size_t(token.token)]) < 1e-4);
                    QVERIFY2(std::abs(double(token.divergence) - divergence) < 2e-6 + 1e-4 * divergence,
                             std::to_string(divergence).c_str());
                    if (side == 0) QCOMPARE(token.divergence, 0.0F);
                    QCOMPARE(likely[window][side].size(), 5 * predictions.size());
                    const std::span five = std::span(likely[window][side]).subspan(5 * t, 5);
                    QCOMPARE(five.front().token, token.choice);
                    std::vector<double> highest = q;
                    std::ranges::sort(highest, std::greater());
                    for (std::size_t rank = 0; rank < 5; ++rank) {
                        QCOMPARE(q[std::size_t(five[rank].token)], highest[rank]);
                        QVERIFY(std::abs(double(five[rank].probability) - std::exp(highest[rank])) < 1e-5);
                    }
                }
            }
        }
    }

    void a_model_does_not_diverge_from_itself() {
        JobContext ctx;
        const OpenedModel opened = open_model(resolve_model_path("sample-llama"), ctx);
        const std::vector<EvaluationSide> sides = {{nullptr, {}}, {nullptr, {}}};
        EvaluationSpec spec;
        spec.window = 64;
        spec.max_windows = 3;
        spec.predictions = true;
        const auto runs = evaluate_together(opened.model, sides, *opened.tokenizer,
                                            load_text({}, BuiltInText::evaluation), spec, ctx);
        const Divergence same = divergence_between(*runs[0], *runs[1]).value();
        QCOMPARE(same.maximum, 0.0);
        QCOMPARE(same.same_first_choice, 1.0);
        QCOMPARE(same.first_choice_p, 1.0);
        QCOMPARE(same.mean_nll_difference, 0.0);
        QVERIFY(same.verdict == Verdict::indistinguishable);
        QCOMPARE(same.window_means, (std::vector<double>{0, 0, 0}));
        QCOMPARE(same.tokens, std::int64_t{3 * 63});
        spec.predictions = false;
        QVERIFY(!divergence_between(
            *evaluate(opened.model, nullptr, *opened.tokenizer, load_text({}, BuiltInText::evaluation), spec, ctx),
            *runs[1]));
    }

    /// Error comes in where something is quantized, and stays: behind the blocks before, states are the baseline's to
    /// the last bit.
    void errors_are_followed_over_depth() {
        JobContext ctx;
        const OpenedModel opened = open_model(resolve_model_path("sample-llama"), ctx);
        Recipe recipe;
        recipe.rules.push_back({"layers.{5,6}.*", false, parse_scheme_line("w=int3/asym/g64")});
        const auto quantized = quantize(opened.model, nullptr, *resolve(recipe, *opened.model).resolved, ctx);
        const std::vector<EvaluationSide> sides = {{nullptr, {}}, {quantized, {}}};
        EvaluationSpec spec;
        spec.window = 64;
        spec.max_windows = 3;
        spec.predictions = true;
        const auto runs = evaluate_together(opened.model, sides, *opened.tokenizer,
                                            load_text({}, BuiltInText::evaluation), spec, ctx);
        const std::vector<double> errors = divergence_between(*runs[0], *runs[1])->state_errors;
        QCOMPARE(errors.size(), opened.model->blocks().size());
        for (std::size_t block = 0; block < 5; ++block) QCOMPARE(errors[block], 0.0);
        QVERIFY(errors[5] > 0.001 && errors[6] > errors[5] && errors[7] > 0.001 && errors[7] < 1);
        QCOMPARE(runs[0]->state_errors, std::vector<double>(opened.model->blocks().size()));
    }

    void figures_of_few_tokens() {
        // Of six tokens the baseline's first choice is right at the first two and the last, the recipe's at the first.
        const Evaluation before =
            run_of({{1, 1, 1, 0}, {2, 2, 1, 0}, {3, 9, 2, 0}, {4, 9, 2, 0}, {5, 9, 2, 0}, {6, 6, 1, 0}});
        const Evaluation after = run_of(
            {{1, 1, 2, 0.5F}, {2, 8, 3, 1.0F}, {3, 9, 2, 0.0F}, {4, 9, 2, 0.25F}, {5, 8, 2, 0.25F}, {6, 8, 2, 4.0F}});
        const Divergence d = divergence_between(before, after).value();
        QCOMPARE(d.mean, 1.0);
        QCOMPARE(d.median, 0.375);
        QCOMPARE(d.p90, 2.5); // half-way between the fifth and the sixth
        QCOMPARE(d.maximum, 4.0);
        QCOMPARE(d.window_means, (std::vector<double>{0.5, 1.5}));
        QCOMPARE(d.same_first_choice, 0.5);
        QCOMPARE(d.partings, (std::vector<std::optional<std::int64_t>>{2, 2})); // both at the second of three places
        QCOMPARE(d.first_parting(), std::optional(2.0));
        QCOMPARE(d.parting_share(), 1.0);
        QCOMPARE(d.became_right, std::int64_t{0});
        QCOMPARE(d.became_wrong, std::int64_t{2});
        QCOMPARE(d.first_choice_p, 0.5); // both of two the same way
        QVERIFY(std::abs(d.mean_nll_difference - 4.0 / 6) < 1e-12);
        // Windows lose 1 and 1/3: mean 2/3, standard error 1/3, t(1, 97.5 %) = 12.706205.
        QVERIFY(std::abs(d.nll_difference.interval.low - (2 - 12.706205) / 3) < 1e-9);
        QVERIFY(d.verdict == Verdict::indistinguishable);
        // Means 0.5 and 1.5: standard error 0.5, so that Student's interval would begin at -5.35.
        QCOMPARE(d.over_windows.interval.low, 0.0);
        QVERIFY(std::abs(d.over_windows.interval.high - (1 + 12.706205 * 0.5)) < 1e-9);
        // Three places in the window, each with the mean of its two windows.
        QCOMPARE(d.position_means, (std::vector<double>{0.375, 0.625, 2.0}));
        QCOMPARE(d.position_intervals.size(), std::size_t{3});
        QVERIFY(std::abs(d.position_intervals[0].high - (0.375 + 12.706205 * 0.125)) < 1e-9);
    }

    /// A window whose first choices never differ is longer than any that part, not left out.
    void first_choices_part() {
        const TokenPrediction same{1, 7, 1, 0}, other{1, 8, 1, 0.5F};
        const auto of = [&](const std::vector<std::vector<TokenPrediction>>& windows, const char* protocol = "gptq") {
            std::vector<TokenPrediction> all, baseline;
            for (const auto& window : windows) all.insert(all.end(), window.begin(), window.end());
            baseline.assign(all.size(), same);
            Evaluation before = run_of(baseline), after = run_of(all);
            for (Evaluation* run : {&before, &after}) {
                run->protocol.name = protocol;
                if (run->protocol.name != "gptq") run->protocol.window = 8; // of which 5, 6 and 7 are scored
            }
            return divergence_between(before, after).value();
        };
        const Divergence odd = of({{same, same, other}, {same, same, same}, {other, same, other}});
        QCOMPARE(odd.partings, (std::vector<std::optional<std::int64_t>>{3, std::nullopt, 1}));
        QCOMPARE(odd.first_parting(), std::optional(3.0));
        QCOMPARE(odd.parting_share(), 2.0 / 3);
        QCOMPARE(of({{same, same, other}, {same, other, same}}).first_parting(), std::optional(2.5));
        const Divergence half = of({{same, same, other}, {same, same, same}});
        QVERIFY(!half.first_parting());
        QCOMPARE(half.parting_share(), 0.5);
        QCOMPARE(of({{same, same, same}}).parting_share(), 0.0);
        // Only the second half is scored: what was read before counts as read.
        QCOMPARE(of({{same, other, other}}, "llama.cpp").first_parting(), std::optional(6.0));
        QVERIFY(!Divergence{}.first_parting());
    }

    /// One window has no spread: what cannot be tested is not called indistinguishable.
    void one_window_leaves_it_undecided() {
        const Evaluation before = run_of({{1, 1, 1, 0}, {2, 2, 1, 0}, {3, 9, 2, 0}});
        const Divergence d =
            divergence_between(before, run_of({{1, 8, 9, 6.5F}, {2, 8, 9, 6.0F}, {3, 9, 9, 7.0F}})).value();
        QVERIFY(!d.nll_p);
        QVERIFY(d.verdict == Verdict::undecided);
        QVERIFY(divergence_between(before, before)->verdict == Verdict::indistinguishable); // the same distributions
        // First choices alone can tell: twelve of twelve became wrong.
        std::vector<TokenPrediction> right, wrong;
        for (std::int32_t i = 0; i < 12; ++i) {
            right.push_back({i, i, 1, 0});
            wrong.push_back({i, 99, 2, 1.0F});
        }
        Evaluation was = run_of(right), is = run_of(wrong);
        was.protocol.window = is.protocol.window = 13;
        QVERIFY(divergence_between(was, is)->verdict == Verdict::worse);
        QCOMPARE(d.same_interval.low, binomial_interval(1, 3).low);
    }

    /// What is shown while windows come ends at what is said of all of them, and is never below 0.
    void the_mean_settles_window_by_window() {
        const std::vector<double> means = {0.02, 0.5, 0.031, 0.047, 0.026, 0.12, 0.09};
        const std::vector<MeanEstimate> running = running_divergence(means);
        QCOMPARE(running.size(), means.size());
        const Metric& metric = *find_metric("divergence");
        for (std::size_t i = 0; i < running.size(); ++i) {
            const std::span so_far = std::span(means).first(i + 1);
            QVERIFY(std::abs(running[i].mean - metric.figure(so_far)) < 1e-14);
            const Interval interval = metric.interval(so_far);
            QCOMPARE(running[i].interval.low == 0, interval.low == 0);
            QVERIFY(std::abs(running[i].interval.low - interval.low) < 1e-12);
            QVERIFY(i == 0 ? std::isinf(running[i].interval.high)
                           : std::abs(running[i].interval.high - interval.high) < 1e-12);
            QVERIFY(running[i].interval.low >= 0 && running[i].interval.contains(running[i].mean));
        }
        QVERIFY(running_divergence({}).empty());
    }

    /// A measurement under way knows the figures of its windows so far.
    void figures_grow_with_the_windows() {
        JobContext ctx;
        const OpenedModel opened = open_model(resolve_model_path("sample-llama"), ctx);
        const std::vector<EvaluationSide> sides = {{nullptr, {}}, {quantized_with(opened, "w=int3/asym/g64"), {}}};
        EvaluationSpec spec;
        spec.window = 64;
        spec.max_windows = 3;
        spec.predictions = true;
        const Evaluation* baseline = nullptr;
        std::vector<std::vector<double>> seen;
        const auto runs =
            evaluate_together(opened.model, sides, *opened.tokenizer, load_text({}, BuiltInText::evaluation), spec, ctx,
                              [&](std::size_t side, const Evaluation& so_far) {
                                  if (side == 0) baseline = &so_far;
                                  if (side == 1) seen.push_back(divergence_between(*baseline, so_far)->window_means);
                              });
        const std::vector<double> all = divergence_between(*runs[0], *runs[1])->window_means;
        QCOMPARE(seen.size(), std::size_t{3});
        for (std::size_t i = 0; i < seen.size(); ++i)
            QCOMPARE(seen[i], std::vector<double>(all.begin(), all.begin() + std::ptrdiff_t(i) + 1));
    }

    void tests_have_the_values_of_the_books() {
        QVERIFY(std::abs(mcnemar(10, 3) - 756.0 / 8192) < 1e-12); // 2 (1 + 13 + 78 + 286) / 2^13
        QVERIFY(std::abs(mcnemar(0, 6) - 2.0 / 64) < 1e-12);
        QCOMPARE(mcnemar(4, 4), 1.0);
        QCOMPARE(mcnemar(0, 0), 1.0);
        QVERIFY(mcnemar(100000, 101000) > 0.02 && mcnemar(100000, 101000) < 0.03); // z = -2.23
        // Newcombe 1998, table I, method 3: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
        const auto near = [](const Interval& interval, double low, double high) {
            return std::abs(interval.low - low) < 5e-5 && std::abs(interval.high - high) < 5e-5;
        };
        QVERIFY(near(binomial_interval(81, 263), 0.2553, 0.3662));
        QVERIFY(near(binomial_interval(15, 148), 0.0624, 0.1605));
        QVERIFY(near(binomial_interval(0, 20), 0, 0.1611));
        QVERIFY(near(binomial_interval(1, 29), 0.0061, 0.1718));
        // Student's test at its own quantiles, and where nothing is spread.
        for (const std::size_t values : {2, 3, 4, 9, 40, 500}) {
            MeanEstimate estimate;
            estimate.standard_error = 2;
            estimate.mean = 2 * student_quantile(values - 1);
            QVERIFY2(std::abs(student_test(estimate, values) - 0.05) < 2e-4,
                     std::to_string(student_test(estimate, values)).c_str());
            estimate.mean = -estimate.mean;
            QVERIFY(std::abs(student_test(estimate, values) - 0.05) < 2e-4);
        }
        QVERIFY(std::abs(student_test({2.0, 1.0, {}}, 11) - 0.073388) < 1e-6); // scipy.stats.t.sf(2, 10) * 2
        QCOMPARE(student_test({0, 0, {}}, 5), 1.0);
        QCOMPARE(student_test({1, HUGE_VAL, {}}, 1), 1.0);
        // The worked example of Holm's rule: sorted 0.01 x 4, 0.02 x 3, 0.03 x 2 (not below the one before), 0.2.
        const std::vector<double> adjusted = holm(std::vector<double>{0.03, 0.01, 0.2, 0.02});
        const std::vector<double> expected = {0.06, 0.04, 0.2, 0.06};
        for (std::size_t i = 0; i < 4; ++i) QVERIFY(std::abs(adjusted[i] - expected[i]) < 1e-12);
        QVERIFY(holm(std::vector<double>{0.03, 0.5})[0] > 0.05); // alone it would be a finding
        QVERIFY(std::abs(student_quantile(9) - 2.262157) < 2e-3 && std::abs(student_quantile(1) - 12.706205) < 1e-6);
    }
};

GRATICULE_TEST(TestDivergence);
#include "tst_divergence.moc"
