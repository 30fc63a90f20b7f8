// Scoring ragged requests against the same model's logits and window losses.
#include <QtTest/QTest>

#include <algorithm>
#include <cmath>

#include "core/engine/engine.h"
#include "core/runtime/model_runner.h"
#include "tests/support/error_message.h"
#include "tests/support/test_main.h"

using namespace graticule;

namespace {

std::vector<std::int32_t> some_tokens(std::size_t count, std::int32_t seed) {
    std::vector<std::int32_t> tokens(count);
    for (std::int32_t& token : tokens) token = seed = (seed * 31 + 7) % 4999;
    return tokens;
}

/// log softmax(logits)[token] in float64.
double log_probability(const float* logits, std::int64_t vocabulary, std::int32_t token) {
    double sum = 0;
    for (std::int64_t i = 0; i < vocabulary; ++i) sum += std::exp(double(logits[i]) - double(logits[token]));
    return -std::log(sum);
}

} // namespace

class TestRuntimeScore : public QObject {
    Q_OBJECT

    std::shared_ptr<const Model> model_;
    JobContext ctx_;

private Q_SLOTS:
    void initTestCase() {
        model_ = open_model(std::filesystem::path(GRATICULE_SOURCE_DIR) / "resources/samples/sample-llama", ctx_).model;
    }

    void ragged_requests_agree_with_logits() {
        std::vector<ScoreRequest> requests;
        for (const std::size_t length : {9, 5, 9, 2, 17, 5, 5})
            requests.push_back({some_tokens(length, std::int32_t(3 * requests.size() + 1)), 1});
        requests[4].first = 11;                      // a continuation: what comes before is only read
        for (const std::int32_t last : {17, 4000}) { // other choices of one token behind the same text: one row
            requests.push_back(requests[2]);
            requests.back().tokens.back() = last;
            requests.back().first = 8;
        }
        RunnerOptions options;
        options.product_tokens = 10; // two requests of five tokens share a product
        ModelRunner runner(model_, std::shared_ptr<const QuantizedModel>(), open_device("cpu"), options);
        std::vector<TokenPredictions> scores(requests.size());
        runner.score(requests, ctx_, [&](std::size_t request, std::span<const TokenPredictions> sides) {
            QVERIFY(sides.size() == 1 && scores.at(request).empty()); // once each
            scores.at(request) = sides.front();
        });
        for (std::size_t i = 0; i < requests.size(); ++i) {
            const auto& [tokens, first] = requests[i];
            QCOMPARE(scores[i].size(), tokens.size() - std::size_t(first));
            const HostTensor all = logits(model_, nullptr, {tokens}, ctx_);
            const std::vector<float> values = to_floats(all);
            const std::int64_t vocabulary = all.shape.back();
            for (std::size_t t = std::size_t(first); t < tokens.size(); ++t) {
                const double expected =
                    log_probability(values.data() + std::int64_t(t - 1) * vocabulary, vocabulary, tokens[t]);
                const TokenPrediction& score = scores[i][t - std::size_t(first)];
                QCOMPARE(score.token, tokens[t]);
                QCOMPARE(score.divergence, 0.0F);
                QVERIFY2(std::abs(double(score.loss) + expected) < 1e-4, std::to_string(expected).c_str());
                const float* row = values.data() + std::int64_t(t - 1) * vocabulary;
                QCOMPARE(score.choice, std::int32_t(std::max_element(row, row + vocabulary) - row));
            }
        }
    }

    void the_mean_over_a_window_is_its_loss() {
        const std::vector<std::vector<std::int32_t>> ids = {some_tokens(33, 5), some_tokens(33, 6)};
        const std::vector<ModelRunner::Window> windows(ids.begin(), ids.end());
        ModelRunner runner(model_, std::shared_ptr<const QuantizedModel>(), open_device("cpu"));
        std::vector<double> losses;
        runner.window_losses(windows, 1, ctx_,
                             [&](std::span<const double> of_sides) { losses.push_back(of_sides.front()); });
        const std::vector<ScoreRequest> requests = {{ids[0], 1}, {ids[1], 1}};
        runner.score(requests, ctx_, [&](std::size_t request, std::span<const TokenPredictions> sides) {
            double sum = 0;
            for (const TokenPrediction& token : sides.front()) sum += double(token.loss);
            QVERIFY(std::abs(sum / double(sides.front().size()) - losses.at(request)) < 1e-6);
        });
    }

    void a_request_that_scores_nothing_is_refused() {
        ModelRunner runner(model_, std::shared_ptr<const QuantizedModel>(), open_device("cpu"));
        const auto message = [&](std::int64_t first) {
            const std::vector<ScoreRequest> requests = {{{1, 2, 3}, first}};
            return testing::error_message(
                [&] { runner.score(requests, ctx_, [](std::size_t, std::span<const TokenPredictions>) {}); });
        };
        QVERIFY2(message(3).find("3 tokens") != std::string::npos, message(3).c_str());
        QVERIFY(message(0).find("follows nothing") != std::string::npos);
    }
};

GRATICULE_TEST(TestRuntimeScore);
#include "tst_runtime_score.moc"
