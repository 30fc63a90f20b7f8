// The scale search's formulas and objectives against the reference's numbers and against their definitions.
#include "tests/solvers/golden_tensors.h"

#include "core/method/solvers/fixed_sums.h"
#include "tests/solvers/scale_statistics.h"

using namespace graticule;
using namespace graticule::solvers;
using namespace graticule::testing;

namespace {

TensorQuantizer a8() { return {int_grid(8), {Granularity::Kind::token, 0}, {.epsilon = 1e-5F}}; }

struct Site {
    Device device = open_device("cpu");
    std::vector<at::Tensor> weights;
    std::vector<TensorQuantizer> quantizers;
    at::Tensor inputs;
};

/// Two consumers and inputs with outlier channels.
Site make_site() {
    at::manual_seed(21);
    Site site;
    site.weights = {at::randn({48, 64}), at::randn({24, 64}) * 0.3};
    site.quantizers.assign(2, asymmetric(int_grid(4), per_group(32)));
    site.inputs = at::randn({600, 64});
    site.inputs.select(1, 5).mul_(30);
    return site;
}

/// Eq. 1 of AQAS, literally: Q(W diag(s)) Q(diag(1/s) X).
double literal_loss(const Site& site, const at::Tensor& scale, const std::optional<TensorQuantizer>& input) {
    const at::Tensor smooth = site.inputs / scale;
    const at::Tensor seen = input ? round_to_nearest(smooth, *input, site.device) : smooth;
    at::Tensor squares = at::zeros({}, at::kDouble);
    std::int64_t count = 0;
    for (std::size_t i = 0; i < site.weights.size(); ++i) {
        const at::Tensor rounded = round_to_nearest(site.weights[i] * scale, site.quantizers[i], site.device);
        const at::Tensor error = at::mm(seen.to(at::kDouble), rounded.to(at::kDouble).t()) -
                                 at::mm(site.inputs.to(at::kDouble), site.weights[i].to(at::kDouble).t());
        squares = squares + error.square().sum();
        count += error.numel();
    }
    return squares.item<double>() / static_cast<double>(count);
}

} // namespace

class SolverScaleTest : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void smoothquant_golden_data() {
        QTest::addColumn<double>("alpha");
        QTest::newRow("smoothquant_scale_a0.5") << 0.5;
        QTest::newRow("smoothquant_scale_a0.8") << 0.8;
    }
    void smoothquant_golden() {
        GRATICULE_NEEDS_SHARED("reference/golden_vectors.json");
        QFETCH(double, alpha);
        const GoldenTensors golden = load_golden_tensors();
        const ScaleMethod method = smoothquant_method(alpha);
        const ScaleStatistics statistics =
            scale_statistics(method.formula, golden.inputs, std::array{golden.weight}, {});
        compare_list(scale_at(method.formula, statistics, method.ratios.front()),
                     golden.records[QTest::currentDataTag()].toArray(), 1e-6);
    }

    void awq_golden() {
        GRATICULE_NEEDS_SHARED("reference/golden_vectors.json");
        const GoldenTensors golden = load_golden_tensors();
        const QJsonObject expected = golden.records["awq_scale_search_g16"].toObject();
        const TensorQuantizer quantizer = asymmetric(int_grid(4), per_group(golden.group));
        const ScaleMethod method = awq_method();
        const ScaleStatistics statistics =
            scale_statistics(method.formula, golden.inputs, std::array{golden.weight}, std::array{quantizer});
        const OutputLoss loss({.weights = {golden.weight}, .quantizers = {quantizer}, .gram = mean_gram(golden.inputs)},
                              golden.device);
        const ScaleSearch found =
            search_scale(method, statistics, [&](const at::Tensor& scale) { return loss.of(scale); });
        const QJsonArray losses = expected["loss_per_ratio"].toArray();
        QCOMPARE(std::ssize(found.trials), losses.size());
        for (int i = 0; i < losses.size(); ++i)
            COMPARE_CLOSE(found.trials[static_cast<std::size_t>(i)].loss, losses[i].toDouble(), 1e-5);
        QVERIFY(found.ratio.has_value());
        COMPARE_CLOSE(*found.ratio, expected["best_ratio"].toDouble(), 1e-12);
        compare_list(found.scale, expected["scales"].toArray(), 1e-6);
        // Ratio 0 scales nothing, so its loss is that of plain rounding.
        COMPARE_CLOSE(found.trials.front().loss, golden.records["rtn4_awq_g16"].toObject()["out_mse"].toDouble(), 1e-5);
    }

    void losses_are_the_definition_data() {
        QTest::addColumn<bool>("rounded_inputs");
        QTest::addColumn<bool>("as_module");
        for (const bool rounded : {false, true})
            for (const bool module : {false, true})
                QTest::addRow("%s %s", rounded ? "A8" : "A16", module ? "module" : "linears") << rounded << module;
    }
    void losses_are_the_definition() {
        QFETCH(bool, rounded_inputs);
        QFETCH(bool, as_module);
        const Site site = make_site();
        const std::optional<TensorQuantizer> input = rounded_inputs ? std::optional(a8()) : std::nullopt;
        OutputLossSpec spec{site.weights, site.quantizers, site.inputs, mean_gram(site.inputs), input, {}};
        if (as_module)
            spec.module = [](std::span<const at::Tensor> weights, const at::Tensor& inputs) {
                return at::cat({at::mm(inputs, weights[0].t()), at::mm(inputs, weights[1].t())}, 1);
            };
        const OutputLoss loss(spec, site.device);
        const ScaleMethod method = aqas_method();
        const ScaleStatistics statistics = scale_statistics(method.formula, site.inputs, site.weights, site.quantizers);
        for (const double ratio : {0.0, 0.5, 0.95}) {
            const at::Tensor scale = scale_at(method.formula, statistics, ratio);
            COMPARE_CLOSE(loss.of(scale), literal_loss(site, scale, input), 2e-4);
        }
    }

    /// Fewer rows at a time, where memory is short: the same loss.
    void rows_at_once_change_no_loss_data() { losses_are_the_definition_data(); }
    void rows_at_once_change_no_loss() {
        QFETCH(bool, rounded_inputs);
        QFETCH(bool, as_module);
        const Site site = make_site();
        const std::optional<TensorQuantizer> input = rounded_inputs ? std::optional(a8()) : std::nullopt;
        OutputLossSpec spec{site.weights, site.quantizers, site.inputs, mean_gram(site.inputs), input, {}};
        std::int64_t most = 0;
        if (as_module)
            spec.module = [&most](std::span<const at::Tensor> weights, const at::Tensor& inputs) {
                most = std::max(most, inputs.size(0));
                return at::mm(inputs, weights[0].t());
            };
        const at::Tensor scale = site.inputs.abs().amax(0).sqrt();
        const double whole = OutputLoss(spec, site.device).of(scale);
        spec.rows_at_once = 100;
        QCOMPARE(std::exchange(most, 0), as_module ? 600 : 0);
        COMPARE_CLOSE(OutputLoss(spec, site.device).of(scale), whole, 1e-9);
        QCOMPARE(most, as_module ? 100 : 0);
    }

    /// More tokens than one part, and one scale for all of them.
    void parts_share_one_scale() {
        Site site = make_site();
        site.inputs = at::cat({site.inputs, site.inputs * 3, site.inputs});
        TensorQuantizer input = a8();
        input.granularity = {Granularity::Kind::tensor, 0};
        const OutputLoss loss({site.weights, site.quantizers, site.inputs, mean_gram(site.inputs), input, {}},
                              site.device);
        const at::Tensor scale = at::rand({64}).add(0.5);
        COMPARE_CLOSE(loss.of(scale), literal_loss(site, scale, input), 2e-4);
    }

    /// At run time a scale that tokens share is found for one sample at a time.
    void samples_have_scales_of_their_own() {
        const Site site = make_site();
        TensorQuantizer input = a8();
        input.granularity = {Granularity::Kind::tensor, 0};
        const at::Tensor scale = at::rand({64}).add(0.5);
        double expected = 0; // of six samples of a hundred tokens
        for (const at::Tensor& sample : site.inputs.split(100)) {
            Site one = site;
            one.inputs = sample;
            expected += literal_loss(one, scale, input) / 6;
        }
        OutputLossSpec spec{site.weights, site.quantizers, site.inputs, mean_gram(site.inputs), input, {}};
        const double together = OutputLoss(spec, site.device).of(scale);
        spec.samples = at::arange(600, at::kLong).floor_divide(100);
        COMPARE_CLOSE(OutputLoss(spec, site.device).of(scale), expected, 2e-4);
        QVERIFY(!close(together, expected, 1e-3));
        spec.module = [](std::span<const at::Tensor> weights, const at::Tensor& inputs) {
            return at::cat({at::mm(inputs, weights[0].t()), at::mm(inputs, weights[1].t())}, 1);
        };
        COMPARE_CLOSE(OutputLoss(spec, site.device).of(scale), expected, 2e-4);
    }

    void search_keeps_the_least_and_the_first() {
        const ScaleStatistics statistics{at::rand({8}).add(0.5), at::rand({8}).add(0.5)};
        ScaleMethod method = aqas_method();
        int calls = 0;
        const ScaleSearch found =
            search_scale(method, statistics, [&](const at::Tensor&) { return ++calls < 4 ? 2.0 : 1.0; });
        QCOMPARE(calls, 21); // the identity and twenty ratios
        QVERIFY(!found.trials.front().ratio.has_value());
        COMPARE_CLOSE(*found.ratio, 0.1, 1e-12); // trial 4 of: identity, 0, 0.05, 0.1
        QCOMPARE(found.loss, 1.0);
        method = aqas_method(/*paper=*/true);
        QCOMPARE(std::ssize(search_scale(method, statistics, [](const at::Tensor&) { return 1.0; }).trials), 20);
    }

    /// SmoothQuant at 0 makes all weight columns reach 1, at 1 all activations.
    void smoothquant_extremes() {
        const Site site = make_site();
        for (const double alpha : {0.0, 1.0}) {
            const ScaleMethod method = smoothquant_method(alpha);
            const ScaleStatistics statistics =
                scale_statistics(method.formula, site.inputs, site.weights, site.quantizers);
            const at::Tensor scale = scale_at(method.formula, statistics, alpha);
            const at::Tensor flat =
                alpha == 0 ? statistics.weight * scale : input_statistic(method.formula.input, site.inputs / scale);
            QVERIFY(at::allclose(flat, at::ones_like(flat), 1e-5));
        }
    }

    void dead_channels_data() {
        QTest::addColumn<bool>("paper");
        QTest::newRow("geometric mean") << false;
        QTest::newRow("paper") << true;
    }
    void dead_channels() {
        QFETCH(bool, paper);
        const ScaleStatistics statistics{to_torch({0.0F, 4.0F, 1.0F}, {3}, open_device("cpu")), at::ones({3})};
        const ScaleMethod method = aqas_method(paper);
        const std::vector<float> scale = to_vector(scale_at(method.formula, statistics, 0.5));
        COMPARE_CLOSE(double(scale[1]), 2.0, 1e-6);
        COMPARE_CLOSE(double(scale[0]), paper ? std::sqrt(1e-5) : std::sqrt(2.0), 1e-5);
        QCOMPARE(solvers::dead_channels(statistics), 1);
    }

    void relative_weight_statistic() {
        const Device device = open_device("cpu");
        const at::Tensor weight = to_torch({1, 2, 4, 8, -3, 3, 0, 5}, {2, 4}, device);
        const std::array quantizers{asymmetric(int_grid(4), per_group(2))};
        const std::vector<float> mean =
            to_vector(weight_statistic(WeightStatistic::relative_mean, std::array{weight}, quantizers));
        const double expected[] = {0.75, 1.0, 0.25, 1.0};
        for (std::size_t i = 0; i < 4; ++i) QVERIFY(std::abs(double(mean[i]) - expected[i]) < 1e-5);

        // AutoAWQ at ratio 0.5, without the normalisation to sqrt(largest times least) = 1: sqrt(x / w).
        const ScaleMethod method = awq_duo_method();
        const ScaleStatistics statistics{to_torch({0.75F, 4.0F, 1.0F, 9.0F}, {4}, device),
                                         to_torch({0.75F, 1.0F, 0.25F, 1.0F}, {4}, device)};
        const std::vector<float> scale = to_vector(scale_at(method.formula, statistics, 0.5));
        const double plain[] = {1, 2, 2, 3};
        for (std::size_t i = 0; i < 4; ++i) COMPARE_CLOSE(double(scale[i]), plain[i] / std::sqrt(3.0), 3e-4);
    }

    void percentile_clipping_golden() {
        GRATICULE_NEEDS_SHARED("reference/golden_vectors.json");
        const QJsonObject records = load_golden().records;
        const QJsonObject expected = records["dgq_smooth_1024"].toObject();
        std::vector<float> absmax;
        for (const int k : golden_integers(3, 1024)) absmax.push_back(static_cast<float>(std::abs(k)) / 64.0F);
        const std::vector<float> scale = to_vector(percentile_clip_scale(to_torch(absmax, {1024}, open_device("cpu"))));
        QJsonArray channels;
        for (int i = 0; i < 1024; ++i)
            if (scale[static_cast<std::size_t>(i)] != 1.0F) channels.append(i);
        QCOMPARE(channels, expected["channels"].toArray());
        for (int i = 0; i < channels.size(); ++i)
            COMPARE_CLOSE(double(scale[static_cast<std::size_t>(channels[i].toInt())]),
                          expected["s"].toArray()[i].toDouble(), 1e-6);
        // 32 channels: k = 1, the largest itself is the base.
        const at::Tensor few = percentile_clip_scale(at::linspace(1, 32, 32));
        compare_list(few, records["dgq_smooth"].toObject()["ln_weight"].toArray(), 0);
    }
};

GRATICULE_TEST(SolverScaleTest);
#include "tst_solver_scale.moc"
