// Sensitivity of linears: the gradients behind the prediction, what is measured, how the two are set side by side.
#include <QtTest/QTest>

#include <cmath>

#include "core/engine/measure_sensitivity.h"
#include "core/engine/resources.h"
#include "core/result/divergence.h"
#include "core/runtime/model_runner.h"
#include "core/runtime/predicted_damage.h"
#include "core/runtime/weight_source.h"
#include "tests/support/error_message.h"
#include "tests/support/test_main.h"

using namespace graticule;

namespace {

HostTensor vector_of(const std::vector<double>& values) {
    return HostTensor::from_vector(values, DType::f64, {std::int64_t(values.size())});
}

/// The stored weights with another bias of one linear.
struct OtherBias final : WeightSource {
    LayerId layer{};
    std::vector<double> values;
    [[nodiscard]] std::optional<HostTensor> bias(const Linear& linear) const override {
        return linear.id == layer ? vector_of(values) : linear.bias;
    }
};

std::shared_ptr<const QuantizedModel> quantized_with(const OpenedModel& opened, const std::string& line,
                                                     const std::vector<std::string>& ignore = {}) {
    Recipe recipe;
    recipe.defaults = parse_scheme_line(line);
    recipe.ignore = ignore;
    JobContext ctx;
    return quantize(opened.model, nullptr, *resolve(recipe, *opened.model).resolved, ctx);
}

} // namespace

class TestSensitivity : public QObject {
    Q_OBJECT

private Q_SLOTS:
    /// Shifts of a bias are errors of the output that are known, and differences of the loss in float64 the gradients:
    /// in a window of one target, one position matters.
    void predictions_are_squared_gradients() {
        JobContext ctx;
        const OpenedModel opened = open_model(resolve_model_path("sample-opt"), ctx);
        const Linear& linear = opened.model->linear(opened.model->blocks()[2].v);
        const std::vector<std::int32_t> ids = {17, 230};
        const ModelRunner::Window window(ids);
        const std::vector<float> stored = to_floats(*linear.bias);
        const auto loss_with = [&](std::size_t output, double shift) {
            auto weights = std::make_shared<OtherBias>();
            weights->layer = linear.id;
            weights->values.assign(stored.begin(), stored.end());
            weights->values[output] += shift;
            RunnerOptions options;
            options.execution.compute = Compute::float64;
            ModelRunner runner(opened.model, std::shared_ptr<const WeightSource>(weights), open_device("cpu"), options);
            double loss = 0;
            runner.window_losses(std::span(&window, 1), ctx, [&](double of_window) { loss = of_window; });
            return loss;
        };
        std::vector<double> shifted(stored.begin(), stored.end());
        double expected = 0;
        for (const std::size_t output : {3, 64, 130, 255}) {
            const double gradient = (loss_with(output, 1e-4) - loss_with(output, -1e-4)) / 2e-4;
            shifted[output] += 0.5;
            expected += 0.5 * (gradient * 0.5) * (gradient * 0.5);
        }
        auto candidate = std::make_shared<QuantizedModel>();
        candidate->base = opened.model;
        candidate->linears.resize(opened.model->linears().size());
        candidate->replaced[linear.name + ".bias"] = vector_of(shifted);
        const std::shared_ptr<const QuantizedModel> candidates[] = {candidate};
        std::size_t seen = 0;
        predict_damage(opened.model, candidates, open_device("cpu"), std::span(&window, 1), ctx,
                       [&](LayerId layer, std::size_t, double nats) {
                           ++seen;
                           if (layer != linear.id)
                               QCOMPARE(nats, 0.0);
                           else
                               QVERIFY2(std::abs(nats / expected - 1) < 1e-3, std::to_string(nats / expected).c_str());
                       });
        QCOMPARE(seen, opened.model->linears().size());
        QVERIFY(expected > 0);
    }

    void what_is_measured_is_the_layer_alone_data() {
        QTest::addColumn<QString>("model");
        QTest::newRow("opt") << "sample-opt";
        QTest::newRow("llama") << "sample-llama";
    }
    void what_is_measured_is_the_layer_alone() {
        QFETCH(QString, model);
        JobContext ctx;
        const OpenedModel opened = open_model(resolve_model_path(model.toStdString()), ctx);
        const Corpus text = load_text({}, BuiltInText::evaluation);
        const std::string line = "w=int4/asym/channel a=int8/sym/token";
        const std::vector<std::shared_ptr<const QuantizedModel>> schemes = {quantized_with(opened, line),
                                                                            quantized_with(opened, "w=int8")};
        SensitivitySpec spec;
        spec.text.window = 128;
        spec.text.max_windows = 2;
        spec.measured = 9; // more than one pass
        const auto found = measure_sensitivity(opened.model, schemes, *opened.tokenizer, text, spec, ctx);
        QCOMPARE(found->schemes.size(), std::size_t{2});
        const SchemeSensitivity& coarse = found->schemes[0];
        QCOMPARE(coarse.layers.size(), opened.model->linears().size());
        const std::vector<std::size_t> order = coarse.worst_first();
        for (std::size_t i = 0; i < order.size(); ++i) {
            QCOMPARE(coarse.layers[order[i]].measured.has_value(), i < 9);
            QVERIFY(coarse.layers[order[i]].predicted > 0);
            if (i > 0) QVERIFY(coarse.layers[order[i]].predicted <= coarse.layers[order[i - 1]].predicted);
            // Eight bits hurt every linear less than four.
            QVERIFY(found->schemes[1].layers[order[i]].predicted < coarse.layers[order[i]].predicted);
        }
        QVERIFY(coarse.rank_correlation().has_value());

        const LayerSensitivity& worst = coarse.layers[order.front()];
        std::vector<std::string> ignore;
        for (const Linear& linear : opened.model->linears())
            if (linear.id != worst.layer) ignore.push_back(linear.name);
        const std::vector<EvaluationSide> sides = {{nullptr, {}}, {quantized_with(opened, line, ignore), {}}};
        EvaluationSpec evaluation = spec.text;
        evaluation.predictions = true;
        const auto runs = evaluate_together(opened.model, sides, *opened.tokenizer, text, evaluation, ctx);
        QCOMPARE(*worst.measured, divergence_between(*runs[0], *runs[1])->mean);
    }

    void folded_schemes_are_refused() {
        JobContext ctx;
        const OpenedModel opened = open_model(resolve_model_path("sample-llama"), ctx);
        const std::vector<std::shared_ptr<const QuantizedModel>> schemes = {
            quantized_with(opened, "w=int4/asym/g64 hadamard:residual=true")};
        const std::string message = testing::error_message([&] {
            static_cast<void>(measure_sensitivity(opened.model, schemes, *opened.tokenizer,
                                                  load_text({}, BuiltInText::evaluation), {}, ctx));
        });
        QVERIFY2(message.find("none can be quantized alone") != std::string::npos, message.c_str());
    }

    void orders_are_compared_by_spearman() {
        const std::vector<double> a = {1, 2, 3, 4, 5}, b = {20, 10, 40, 30, 50}, ties = {1, 1, 2, 2, 3};
        QVERIFY(std::abs(rank_correlation(a, b).value() - 0.8) < 1e-12); // 1 - 6 x 4 / (5 x 24)
        QVERIFY(std::abs(rank_correlation(a, ties).value() - 9 / std::sqrt(90.0)) < 1e-12);
        QVERIFY(!rank_correlation(a, std::vector<double>(5, 1.0)));
        QVERIFY(!rank_correlation(std::span(a).first(2), std::span(b).first(2)));
    }
};

GRATICULE_TEST(TestSensitivity);
#include "tst_sensitivity.moc"
