// Sensitivity of linears: the gradients behind the prediction, what is measured, how the two are set side by side.
#include <QtTest/QTest>

#include <algorithm>
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

OpenedModel opened_sample(const std::string& name) {
    JobContext ctx;
    return open_model(resolve_model_path(name), ctx);
}

const Linear& linear_of(const Model& model, int block, Role role) {
    return *std::ranges::find_if(
        model.linears(), [&](const Linear& linear) { return linear.block == BlockId(block) && linear.role == role; });
}

std::vector<std::int32_t> some_ids(const OpenedModel& opened, std::size_t count) {
    std::vector<std::int32_t> ids = tokenize(*opened.tokenizer, load_text({}, BuiltInText::evaluation));
    ids.resize(count);
    return ids;
}

std::vector<double> shifted_bias(const Linear& linear, double shift) {
    const std::vector<float> stored = to_floats(*linear.bias);
    std::vector<double> values(stored.begin(), stored.end());
    // Up and down in turn: a norm takes away what all channels have in common.
    for (std::size_t i = 0; i < values.size(); ++i) values[i] += i % 2 == 0 ? shift : -shift;
    return values;
}

/// Mean KL of a window's positions that have a target, every output of `linear` shifted; float64.
double divergence_of_shift(const OpenedModel& opened, const Linear& linear, const std::vector<std::int32_t>& ids,
                           double shift) {
    JobContext ctx;
    const auto log_probabilities = [&](std::shared_ptr<const WeightSource> weights) {
        RunnerOptions options;
        options.execution.compute = Compute::float64;
        ModelRunner runner(opened.model, std::move(weights), open_device("cpu"), options);
        const ModelRunner::Window window(ids);
        const HostTensor logits = runner.logits(std::span(&window, 1), ctx);
        const auto* values = reinterpret_cast<const double*>(logits.bytes.data());
        std::vector<double> all(values, values + element_count(logits.shape));
        const std::size_t vocabulary = all.size() / ids.size();
        for (std::size_t row = 0; row < ids.size(); ++row) {
            double sum = 0;
            for (std::size_t i = 0; i < vocabulary; ++i) sum += std::exp(all[row * vocabulary + i]);
            for (std::size_t i = 0; i < vocabulary; ++i) all[row * vocabulary + i] -= std::log(sum);
        }
        return all;
    };
    auto weights = std::make_shared<OtherBias>();
    weights->layer = linear.id;
    weights->values = shifted_bias(linear, shift);
    const std::vector<double> before = log_probabilities(stored_weights()), after = log_probabilities(weights);
    const std::size_t counted = before.size() / ids.size() * (ids.size() - 1);
    double sum = 0;
    for (std::size_t i = 0; i < counted; ++i) sum += std::exp(before[i]) * (before[i] - after[i]);
    return sum / static_cast<double>(ids.size() - 1);
}

double predicted_of_shift(const OpenedModel& opened, const Linear& linear, const std::vector<std::int32_t>& ids,
                          double shift, std::int64_t draws) {
    JobContext ctx;
    auto candidate = std::make_shared<QuantizedModel>();
    candidate->base = opened.model;
    candidate->linears.resize(opened.model->linears().size());
    candidate->replaced[linear.name + ".bias"] = vector_of(shifted_bias(linear, shift));
    const std::shared_ptr<const QuantizedModel> candidates[] = {candidate};
    const ModelRunner::Window window(ids);
    double predicted = 0, elsewhere = 0;
    predict_damage(opened.model, candidates, open_device("cpu"), std::span(&window, 1), {draws}, ctx,
                   [&](LayerId layer, std::size_t, const std::vector<double>& projections) {
                       (layer == linear.id ? predicted : elsewhere) += mean_square(projections);
                   });
    return elsewhere == 0 ? predicted : -1;
}

} // namespace

class TestSensitivity : public QObject {
    Q_OBJECT

private Q_SLOTS:
    /// Shifts of a bias are errors of the output that are known, and small ones cost what the second order says: the
    /// divergence that is measured in float64.
    void small_errors_cost_what_is_predicted_data() {
        QTest::addColumn<int>("role");
        QTest::newRow("value") << int(Role::v);
        QTest::newRow("output") << int(Role::o);
        QTest::newRow("query") << int(Role::q);
        QTest::newRow("down") << int(Role::fc2);
    }
    void small_errors_cost_what_is_predicted() {
        QFETCH(int, role);
        const OpenedModel opened = opened_sample("sample-opt");
        const Linear& linear = linear_of(*opened.model, 3, Role(role));
        const std::vector<std::int32_t> ids = some_ids(opened, 64);
        const double measured = divergence_of_shift(opened, linear, ids, 0.02);
        const double predicted = predicted_of_shift(opened, linear, ids, 0.02, 128);
        QVERIFY(measured > 1e-9);
        // 128 draws of a square know its mean to about 12 %.
        QVERIFY2(std::abs(predicted / measured - 1) < 0.3,
                 (std::to_string(predicted) + " " + std::to_string(measured)).c_str());
    }

    /// Attention does not notice when every key is shifted alike: errors of different positions cancel, which a sum of
    /// squares over positions cannot know.
    void a_shift_of_every_key_costs_nothing() {
        const OpenedModel opened = opened_sample("sample-opt");
        const std::vector<std::int32_t> ids = some_ids(opened, 64);
        const Linear& key = linear_of(*opened.model, 3, Role::k);
        const double of_key = predicted_of_shift(opened, key, ids, 0.5, 4);
        const double of_value = predicted_of_shift(opened, linear_of(*opened.model, 3, Role::v), ids, 0.5, 4);
        QVERIFY2(of_value > 0 && of_key < 1e-8 * of_value, std::to_string(of_key / of_value).c_str());
        QVERIFY(divergence_of_shift(opened, key, ids, 0.5) < 1e-12);
    }

    /// Over all linears of both samples: the order is that of measurement, and so is the size.
    void predictions_rank_as_measurement_does_data() {
        QTest::addColumn<QString>("model");
        QTest::addColumn<QString>("line");
        for (const char* model : {"sample-opt", "sample-llama"})
            for (const char* line : {"w=int4/asym/channel", "w=int4/asym/channel a=int8/sym/token"})
                QTest::addRow("%s %s", model, line) << model << line;
    }
    void predictions_rank_as_measurement_does() {
        QFETCH(QString, model);
        QFETCH(QString, line);
        JobContext ctx;
        const OpenedModel opened = opened_sample(model.toStdString());
        const std::vector<std::shared_ptr<const QuantizedModel>> schemes = {quantized_with(opened, line.toStdString())};
        SensitivitySpec spec;
        spec.text.window = 128;
        spec.text.max_windows = 4;
        const auto found = measure_sensitivity(opened.model, schemes, *opened.tokenizer,
                                               load_text({}, BuiltInText::evaluation), spec, ctx);
        const SchemeSensitivity& scheme = found->schemes.front();
        const double correlation = scheme.rank_correlation().value();
        QVERIFY2(correlation > 0.9, std::to_string(correlation).c_str());
        double predicted = 0, measured = 0;
        for (const LayerSensitivity& layer : scheme.layers) {
            predicted += layer.predicted;
            measured += layer.measured.value();
        }
        QVERIFY2(std::abs(predicted / measured - 1) < 0.25, std::to_string(predicted / measured).c_str());
    }

    /// Groups are what serving programs fuse, and what they cost is of their members together.
    void groups_are_predicted_together() {
        JobContext ctx;
        const OpenedModel opened = opened_sample("sample-llama");
        const std::vector<LinearGroup> groups = linear_groups(*opened.model, Grouping::fused);
        QCOMPARE(groups.size(), std::size_t{8 * 4});
        QCOMPARE(groups[0].name, std::string("layers.0.self_attn.{q_proj,k_proj,v_proj}"));
        QCOMPARE(groups[2].name, std::string("layers.0.mlp.{gate_proj,up_proj}"));
        const std::vector<std::shared_ptr<const QuantizedModel>> schemes = {
            quantized_with(opened, "w=int4/asym/channel")};
        SensitivitySpec spec;
        spec.text.window = 64;
        spec.text.max_windows = 2;
        const Corpus text = load_text({}, BuiltInText::evaluation);
        const auto single = predict_sensitivity(opened.model, schemes, *opened.tokenizer, text, spec, ctx);
        spec.grouping = Grouping::fused;
        const auto fused = predict_sensitivity(opened.model, schemes, *opened.tokenizer, text, spec, ctx);
        QCOMPARE(fused->schemes[0].layers.size(), groups.size());
        for (const LayerSensitivity& group : fused->schemes[0].layers) {
            std::vector<double> sums(group.projections.size());
            for (const LayerId layer : group.layers)
                for (std::size_t i = 0; i < sums.size(); ++i)
                    sums[i] += single->schemes[0].layers[index_of(layer)].projections[i];
            QVERIFY(std::abs(mean_square(sums) - group.predicted) <= 1e-9 * group.predicted);
        }
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
            if (linear.id != worst.layers.front()) ignore.push_back(linear.name);
        const std::vector<EvaluationSide> sides = {{nullptr, {}}, {quantized_with(opened, line, ignore), {}}};
        EvaluationSpec evaluation = spec.text;
        evaluation.predictions = true;
        const auto runs = evaluate_together(opened.model, sides, *opened.tokenizer, text, evaluation, ctx);
        QCOMPARE(*worst.measured, divergence_between(*runs[0], *runs[1])->mean);
    }

    /// What is predicted and what is measured are of one type, whatever the job is asked for, and it is named.
    void predicted_and_measured_are_of_one_type() {
        JobContext ctx;
        const OpenedModel opened = opened_sample("sample-llama");
        const std::vector<std::shared_ptr<const QuantizedModel>> schemes = {
            quantized_with(opened, "w=int4/asym/channel")};
        SensitivitySpec spec;
        spec.text.window = 64;
        spec.text.max_windows = 2;
        spec.measured = 10; // two passes
        const Corpus text = load_text({}, BuiltInText::evaluation);
        std::vector<std::size_t> measured;
        const auto count = [&](const Sensitivity& so_far) {
            measured.push_back(std::size_t(std::ranges::count_if(
                so_far.schemes[0].layers, [](const LayerSensitivity& layer) { return layer.measured.has_value(); })));
        };
        const auto plain = measure_sensitivity(opened.model, schemes, *opened.tokenizer, text, spec, ctx, count);
        QCOMPARE(measured, (std::vector<std::size_t>{0, 8, 10})); // shown while it grows
        std::vector<std::string> told;
        ctx.log = [&](const std::string& line) { told.push_back(line); };
        ctx.execution = {Compute::bfloat16, Arithmetic::simulated};
        const auto asked = measure_sensitivity(opened.model, schemes, *opened.tokenizer, text, spec, ctx);
        QVERIFY(asked->protocol.execution == prediction_execution);
        QCOMPARE(asked->provenance.execution, std::string("float32"));
        for (std::size_t i = 0; i < asked->schemes[0].layers.size(); ++i)
            QCOMPARE(asked->schemes[0].layers[i].measured, plain->schemes[0].layers[i].measured);
        QVERIFY(std::ranges::find(told, "measured in float32, as predicted, instead of bfloat16") != told.end());
        QVERIFY(ctx.execution.compute == Compute::bfloat16); // the job's own again
    }

    /// What predictions do not see is said.
    void rounded_attention_is_warned_of() {
        JobContext ctx;
        std::vector<std::string> told;
        const OpenedModel opened = opened_sample("sample-opt");
        const std::vector<std::shared_ptr<const QuantizedModel>> schemes = {
            quantized_with(opened, "w=int8 q=int4 k=int4")};
        ctx.log = [&](const std::string& line) { told.push_back(line); };
        SensitivitySpec spec;
        spec.text.window = 32;
        spec.text.max_windows = 1;
        spec.draws = 1;
        const auto found = predict_sensitivity(opened.model, schemes, *opened.tokenizer,
                                               load_text({}, BuiltInText::evaluation), spec, ctx);
        QVERIFY(std::ranges::any_of(told, [](const std::string& line) {
            return line.find("rounds attention's operands, which predictions do not see") != std::string::npos;
        }));
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
