// A model and its recipes through the blocks together: every figure is the one that each has alone.
#include <QtTest/QTest>

#include <cmath>

#include "core/engine/engine.h"
#include "core/engine/resources.h"
#include "core/runtime/model_runner.h"
#include "tests/support/error_message.h"
#include "tests/support/test_main.h"

using namespace graticule;

namespace {

Recipe recipe_of(const std::string& line, const std::string& left_alone = {}) {
    Recipe recipe;
    recipe.defaults = parse_scheme_line(line);
    if (!left_alone.empty()) recipe.ignore.push_back(left_alone);
    return recipe;
}

} // namespace

class TestSideBySide : public QObject {
    Q_OBJECT

    using Quantized = std::shared_ptr<const QuantizedModel>;
    OpenedModel opened_;
    Corpus text_;
    std::vector<Quantized> sides_;
    EvaluationSpec spec_;

    [[nodiscard]] std::shared_ptr<const Evaluation> alone(const Quantized& quantized) const {
        JobContext ctx;
        return evaluate(opened_.model, quantized, *opened_.tokenizer, text_, spec_, ctx);
    }
    /// The second side with scales that no type holds.
    [[nodiscard]] Quantized broken() const {
        auto model = std::make_shared<QuantizedModel>(*sides_[1]);
        auto& down = model->linears.at(index_of(opened_.model->blocks().front().mlps.front().down));
        for (float& scale : down->params.scale) scale = 3e38F;
        return model;
    }
    [[nodiscard]] std::vector<EvaluationSide> all_sides() const {
        std::vector<EvaluationSide> sides;
        for (const Quantized& side : sides_) sides.push_back({side, {}});
        return sides;
    }

private Q_SLOTS:
    void initTestCase() {
        JobContext ctx;
        opened_ = open_model(resolve_model_path("sample-llama"), ctx);
        text_ = load_text({}, BuiltInText::evaluation);
        spec_.window = 64;
        spec_.max_windows = 5;
        sides_.push_back(nullptr);
        // Rounded inputs; layers left as they are, which it shares with the model; every tensor its own.
        for (const Recipe& recipe : {recipe_of("w=int4/asym/g64 a=int8/sym/token"), recipe_of("w=int4", "*.down_proj"),
                                     recipe_of("w=int4/asym/g64 hadamard:residual=true")})
            sides_.push_back(quantize(opened_.model, nullptr, *resolve(recipe, *opened_.model).resolved, ctx));
        QVERIFY(!sides_[2]->linears[index_of(opened_.model->blocks().front().mlps.front().down)]);
    }

    void losses_are_those_of_each_alone() {
        const std::vector<std::int32_t> ids = tokenize(*opened_.tokenizer, text_);
        std::vector<ModelRunner::Window> windows;
        for (std::size_t first = 0; first < 7 * 32; first += 32) windows.push_back(std::span(ids).subspan(first, 32));
        JobContext ctx;
        std::vector<std::string> told;
        ctx.log = [&](const std::string& line) { told.push_back(line); };
        RunnerOptions options;
        options.product_tokens = 64; // two windows
        std::vector<std::vector<double>> expected(sides_.size());
        for (std::size_t side = 0; side < sides_.size(); ++side)
            ModelRunner(opened_.model, sides_[side], open_device("cpu"), options)
                .window_losses(windows, 1, ctx,
                               [&](std::span<const double> of_sides) { expected[side].push_back(of_sides.front()); });
        for (std::size_t side = 1; side < sides_.size(); ++side) QVERIFY(expected[side] != expected[side - 1]);

        const std::int64_t block =
            4 * opened_.model->linear_parameter_count() / std::int64_t(opened_.model->blocks().size());
        for (const std::int64_t weights : {std::int64_t{1} << 40, std::int64_t{0}, 3 * block})
            for (const std::int64_t states : {std::int64_t{0}, std::int64_t{1} << 30}) {
                told.clear();
                options.weight_budget = weights;
                options.state_budget = states;
                std::vector<std::vector<double>> together(sides_.size());
                ModelRunner runner(opened_.model, sides_, open_device("cpu"), options);
                runner.window_losses(windows, 1, ctx, [&](std::span<const double> losses) {
                    QCOMPARE(losses.size(), sides_.size());
                    for (std::size_t side = 0; side < losses.size(); ++side) together[side].push_back(losses[side]);
                });
                QCOMPARE(together, expected);
                QCOMPARE(told.empty(), weights > 3 * block); // it streamed where it had to
                QCOMPARE(runner.kernels(0).front().kernel, std::string("dense"));
                QCOMPARE(runner.kernels(1).front().kernel, std::string("simulated"));
                QCOMPARE(runner.kernels(2).size(), std::size_t(2));
            }
    }

    void evaluations_are_those_of_each_alone() {
        JobContext ctx;
        std::vector<std::pair<std::size_t, std::size_t>> seen;
        const auto together = evaluate_together(
            opened_.model, all_sides(), *opened_.tokenizer, text_, spec_, ctx,
            [&](std::size_t side, const Evaluation& so_far) { seen.emplace_back(side, so_far.window_losses.size()); });
        QCOMPARE(together.size(), sides_.size());
        for (std::size_t side = 0; side < sides_.size(); ++side) {
            const Evaluation one = *together[side], expected = *alone(sides_[side]);
            QCOMPARE(one.window_losses, expected.window_losses);
            QCOMPARE(one.perplexity, expected.perplexity);
            QCOMPARE(one.standard_error, expected.standard_error);
            QCOMPARE(one.tokens, expected.tokens);
            QCOMPARE(one.run_name, expected.run_name);
            QVERIFY(one.protocol == expected.protocol && one.kernels == expected.kernels && one.complete);
            QCOMPARE(one.provenance.recipe_hash, expected.provenance.recipe_hash);
            QCOMPARE(one.provenance.recipe_line, expected.provenance.recipe_line);
            QCOMPARE(one.provenance.model_hash, expected.provenance.model_hash);
            QCOMPARE(one.provenance.data_hash, expected.provenance.data_hash);
        }
        // Live, window by window under every side.
        std::vector<std::pair<std::size_t, std::size_t>> in_turn;
        for (std::size_t window = 1; window <= 5; ++window)
            for (std::size_t side = 0; side < sides_.size(); ++side) in_turn.emplace_back(side, window);
        QCOMPARE(seen, in_turn);
        QCOMPARE(ctx.progress.snapshot().done, std::int64_t{5});
    }

    void stopped_sides_go_on_together() {
        JobContext ctx;
        std::vector<EvaluationSide> sides = all_sides();
        std::vector<Evaluation> stopped(sides.size());
        QVERIFY_EXCEPTION_THROWN(
            static_cast<void>(evaluate_together(opened_.model, sides, *opened_.tokenizer, text_, spec_, ctx,
                                                [&](std::size_t side, const Evaluation& so_far) {
                                                    stopped[side] = so_far;
                                                    if (so_far.window_losses.size() == 3) ctx.cancel.request();
                                                })),
            Cancelled);
        stopped[1].window_losses.resize(2); // this one was stopped earlier
        for (std::size_t side = 0; side < sides.size(); ++side)
            sides[side].resume = std::make_shared<Evaluation>(stopped[side]);
        JobContext again;
        std::vector<std::size_t> seen;
        const auto resumed = evaluate_together(opened_.model, sides, *opened_.tokenizer, text_, spec_, again,
                                               [&](std::size_t side, const Evaluation& so_far) {
                                                   if (side == 0) seen.push_back(so_far.window_losses.size());
                                               });
        QCOMPARE(seen, (std::vector<std::size_t>{3, 4, 5}));
        for (std::size_t side = 0; side < sides.size(); ++side)
            QCOMPARE(resumed[side]->window_losses, alone(sides_[side])->window_losses);
    }

    /// What is wrong with a window of one that goes on is said of that window, not of the first that was left.
    void a_resumed_evaluation_counts_from_the_beginning() {
        auto stopped = std::make_shared<Evaluation>(*alone(sides_[1]));
        stopped->window_losses.resize(3);
        JobContext ctx;
        const EvaluationSide side{broken(), {}, stopped};
        const std::string message = testing::error_message([&] {
            static_cast<void>(
                evaluate_together(opened_.model, std::span(&side, 1), *opened_.tokenizer, text_, spec_, ctx));
        });
        QVERIFY2(message.find("window 4 is not finite") != std::string::npos, message.c_str());
    }

    /// Scores are of all sides: with one left out there is nothing to be said, and no state to say it of.
    void only_losses_go_on_without_a_side() {
        ModelRunner runner(opened_.model, sides_, open_device("cpu"));
        runner.leave_out([](std::size_t side) { return side == 1; });
        const std::vector<std::int32_t> ids(16, 5);
        const ModelRunner::Window window(ids);
        JobContext ctx;
        std::vector<bool> finite;
        runner.window_losses(std::span(&window, 1), 1, ctx, [&](std::span<const double> losses) {
            for (const double loss : losses) finite.push_back(std::isfinite(loss));
        });
        QCOMPARE(finite, (std::vector<bool>{true, false, true, true}));
        const ScoreRequest request{ids, 1};
        const std::string scores = testing::error_message([&] { runner.score(std::span(&request, 1), ctx, {}); });
        QVERIFY2(scores.find("only losses go on") != std::string::npos, scores.c_str());
        const std::string predictions =
            testing::error_message([&] { runner.window_predictions(std::span(&window, 1), 1, 0, ctx, {}); });
        QVERIFY2(predictions.find("only losses go on") != std::string::npos, predictions.c_str());
    }

    /// A loss that is not finite says under which recipe.
    void the_side_that_overflows_is_named() {
        const std::vector<Quantized> sides = {nullptr, broken()};
        ModelRunner runner(opened_.model, sides, open_device("cpu"));
        const std::vector<std::int32_t> ids(16, 5);
        const ModelRunner::Window window(ids);
        JobContext ctx;
        const std::string message = testing::error_message(
            [&] { runner.window_losses(std::span(&window, 1), 1, ctx, [](std::span<const double>) {}); });
        QVERIFY2(message.find("window 1 is not finite under w=int4/asym/g64") != std::string::npos, message.c_str());
        QVERIFY2(message.find("in block 0") != std::string::npos, message.c_str());
    }
};

GRATICULE_TEST(TestSideBySide);
#include "tst_side_by_side.moc"
