// Clip searches against the reference's results and against their plain definitions.
#include "tests/solvers/golden_tensors.h"

#include "core/method/solvers/clip_search.h"

using namespace graticule;
using namespace graticule::solvers;
using namespace graticule::testing;

class SolverClipTest : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void mse_clip_golden_data() {
        QTest::addColumn<QString>("record");
        QTest::addColumn<bool>("is_symmetric");
        QTest::newRow("gptq asymmetric") << "rtn4_gptq_asym_mse_row" << false;
        QTest::newRow("quarot symmetric") << "rtn4_quarot_sym_mse_row" << true;
    }
    void mse_clip_golden() {
        GRATICULE_NEEDS_SHARED("reference/golden_vectors.json");
        QFETCH(QString, record);
        QFETCH(bool, is_symmetric);
        const GoldenTensors golden = load_golden_tensors();
        const CodeGrid int4 = int_grid(4);
        const TensorQuantizer quantizer =
            is_symmetric ? symmetric(int4, per_channel()) : asymmetric(int4, per_channel());
        const BlockParams params = mse_clip(golden.weight, quantizer, {}, golden.device);
        const QJsonObject expected = golden.records[record].toObject();
        compare_list(params.scale, expected["scale_first8"].toArray(), 1e-6);
        const at::Tensor codes = quantize(golden.weight, int4, params, golden.device);
        compare_dequantized(golden, dequantize(codes, int4, params, golden.device), expected, 1e-6);
    }

    void awq_clip_golden() {
        GRATICULE_NEEDS_SHARED("reference/golden_vectors.json");
        const GoldenTensors golden = load_golden_tensors();
        const ClipResult result =
            output_clip(golden.weight, golden.inputs, asymmetric(int_grid(4), per_group(golden.group)), std::nullopt,
                        {}, golden.device);
        const QJsonObject expected = golden.records["awq_clip_search_g16"].toObject();
        compare_list(result.threshold, expected["max_val_first8"].toArray(), 1e-6);
        compare_list(result.ratio, expected["ratios_row0to3"].toArray(), 1e-6);
        COMPARE_CLOSE(result.ratio.sum(at::kDouble).item<double>(), expected["ratio_sum"].toDouble(), 1e-6);
        QVERIFY(result.loss < result.loss_before);
    }

    /// The products of inputs against the definition: round, multiply, subtract, square.
    void loss_is_the_definition_data() {
        QTest::addColumn<std::int64_t>("group");
        QTest::addColumn<bool>("rounded_inputs");
        for (const std::int64_t group : {0, 32})
            for (const bool rounded : {false, true})
                QTest::addRow("group %d %s", static_cast<int>(group), rounded ? "A8" : "A16") << group << rounded;
    }
    void loss_is_the_definition() {
        QFETCH(std::int64_t, group);
        QFETCH(bool, rounded_inputs);
        const Device device = open_device("cpu");
        at::manual_seed(11);
        const at::Tensor weight = at::randn({6, 96}).pow(3);
        const at::Tensor inputs = at::randn({700, 96});
        const TensorQuantizer quantizer = asymmetric(int_grid(3), group == 0 ? per_channel() : per_group(group));
        std::optional<TensorQuantizer> input;
        if (rounded_inputs) input = asymmetric(int_grid(4), {Granularity::Kind::token, 0});
        const ClipResult result = output_clip(weight, inputs, quantizer, input, {.tokens = 350}, device);
        const at::Tensor seen = inputs.slice(0, 0, 700, 2).contiguous();
        const at::Tensor as_rounded = rounded_inputs ? round_to_nearest(seen, *input, device) : seen;
        const at::Tensor rounded = round_to_nearest(result.clipped, quantizer, device);
        double loss = 0;
        const std::int64_t width = group == 0 ? 96 : group;
        for (std::int64_t start = 0; start < 96; start += width) {
            const auto part = [&](const at::Tensor& values) {
                return values.slice(1, start, start + width).to(at::kDouble);
            };
            const at::Tensor error = at::mm(part(as_rounded), part(rounded).t()) - at::mm(part(seen), part(weight).t());
            loss += error.square().mean(0).sum().item<double>();
        }
        COMPARE_CLOSE(result.loss, loss, 1e-4);
        QVERIFY(result.loss <= result.loss_before);
        QVERIFY(result.ratio.min().item<float>() >= 0.5F && result.ratio.max().item<float>() <= 1.0F);
    }
};

GRATICULE_TEST(SolverClipTest);
#include "tst_solver_clip.moc"
