// DGQ against the reference's own results, the published arithmetic against the clean one, and the INT8 guarantee.
#include "tests/solvers/golden_tensors.h"

#include "core/method/solvers/dgq.h"
#include "core/method/solvers/dgq_published.h"
#include "core/method/solvers/fixed_sums.h"

using namespace graticule;
using namespace graticule::solvers;
using namespace graticule::testing;

namespace {

at::Tensor rounded_by_groups(const at::Tensor& weight, const DgqGroups& groups) {
    const at::Tensor plain = weight.reshape({weight.size(0), -1, groups.group});
    const at::Tensor scale = groups.scale.unsqueeze(2), zero = groups.zero.unsqueeze(2);
    return (((plain / scale).round() + zero).clamp(0, 15) - zero).mul(scale).reshape(weight.sizes());
}

} // namespace

class SolverDgqTest : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void golden_data() {
        QTest::addColumn<bool>("published");
        QTest::newRow("Gram matrices") << false;
        QTest::newRow("published steps in float32") << true;
    }
    void golden() {
        GRATICULE_NEEDS_SHARED("reference/golden_vectors.json");
        QFETCH(bool, published);
        const GoldenTensors golden = load_golden_tensors();
        const at::Tensor gram = mean_gram(golden.inputs);
        const DgqGroups groups =
            published ? dgq_published_phase1(golden.weight, golden.inputs, golden.group, {}, DgqArithmetic::float32)
                      : dgq_phase1(golden.weight, gram, golden.group, {});
        const QJsonObject phase1 = golden.records["dgq_f32_phase1_g16"].toObject();
        compare_list(groups.scale, phase1["scale_first8"].toArray(), 1e-6);
        compare_list(groups.zero, phase1["zero_first8"].toArray(), 0);
        compare_dequantized(golden, rounded_by_groups(golden.weight, groups), phase1, 1e-5);

        const DualGrain result =
            published ? dgq_published(golden.weight, golden.inputs, golden.group, {}, DgqArithmetic::float32)
                      : dgq_phase2(golden.weight, gram, groups, {});
        const QJsonObject both = golden.records["dgq_f32_phase12_g16"].toObject();
        compare_list(result.group_scale, both["scale_first8"].toArray(), 0);
        compare_list(result.zero, both["zero_first8"].toArray(), 0);
        compare_list(result.channel_scale, both["s1_first8"].toArray(), 1e-6);
        COMPARE_CLOSE(result.group_scale.sum(at::kDouble).item<double>(), both["S2_all_sum"].toDouble(), 0);
        COMPARE_CLOSE(double(result.group_scale.max().item<float>()), both["S2_max"].toDouble(), 0);
        compare_dequantized(golden, result.dequantized, both, 1e-5);
        const double rows = static_cast<double>(golden.weight.size(0));
        COMPARE_CLOSE(result.loss.sum(at::kDouble).item<double>() / rows, both["out_mse"].toDouble(), 1e-5);
    }

    /// bfloat16 records are indicative: ties in eight bits fall as the order of sums has it.
    void golden_bfloat16() {
        GRATICULE_NEEDS_SHARED("reference/golden_vectors.json");
        const GoldenTensors golden = load_golden_tensors();
        const DgqGroups groups =
            dgq_published_phase1(golden.weight, golden.inputs, golden.group, {}, DgqArithmetic::bfloat16);
        const QJsonObject phase1 = golden.records["dgq_bf16_phase1_g16"].toObject();
        compare_list(groups.scale, phase1["scale_first8"].toArray(), 0.05); // a step of the ratio is 1.4 % at most
        COMPARE_CLOSE(output_mse(golden.inputs, rounded_by_groups(golden.weight, groups), golden.weight),
                      phase1["out_mse"].toDouble(), 0.02);

        const DualGrain result = dgq_published(golden.weight, golden.inputs, golden.group, {}, DgqArithmetic::bfloat16);
        const QJsonObject record = golden.records["dgq_bf16_phase12_g16"].toObject();
        COMPARE_CLOSE(output_mse(golden.inputs, result.dequantized, golden.weight), record["out_mse"].toDouble(), 0.02);
        COMPARE_CLOSE(result.group_scale.sum(at::kDouble).item<double>(), record["S2_all_sum"].toDouble(), 0.01);
    }

    void eight_bits_always_hold_data() {
        QTest::addColumn<int>("kind");
        const char* kinds[] = {"random",      "all positive", "all negative",        "constant",
                               "one outlier", "zeros",        "tiny and huge groups"};
        for (int kind = 0; kind < 7; ++kind) QTest::newRow(kinds[kind]) << kind;
    }
    void eight_bits_always_hold() {
        QFETCH(int, kind);
        const Device device = open_device("cpu");
        at::manual_seed(31);
        at::Tensor weight = at::randn({12, 64});
        if (kind == 1) weight = weight.abs() + 1;
        if (kind == 2) weight = -weight.abs() - 1;
        if (kind == 3) weight.fill_(0.7);
        if (kind == 4) weight.select(1, 9).mul_(1000);
        if (kind == 5) weight.zero_();
        if (kind == 6) weight.slice(1, 0, 32).mul_(1e-6);
        const at::Tensor inputs = at::randn({300, 64});
        const at::Tensor gram = mean_gram(inputs);
        const DgqGroups groups = dgq_phase1(weight, gram, 16, {});
        const BlockParams nearest = find_params(weight, asymmetric(int_grid(4), per_group(16)), device);
        for (const DualGrain& grain :
             {dgq_phase2(weight, gram, groups, {}), round_to_dual_grain(weight, nearest, gram, {}),
              dgq_published(weight, inputs, 16, {}, DgqArithmetic::bfloat16)}) {
            QVERIFY(grain.codes.max().item<int>() <= 15);
            QVERIFY(grain.zero.min().item<float>() >= 0 && grain.zero.max().item<float>() <= 15);
            QVERIFY(grain.group_scale.min().item<float>() >= 1 && grain.group_scale.max().item<float>() <= 127);
            const at::Tensor int8 = (grain.codes.to(at::kFloat).reshape({12, -1, 16}) - grain.zero.unsqueeze(2)) *
                                    grain.group_scale.unsqueeze(2);
            QVERIFY(int8.abs().max().item<float>() <= 127);
            const at::Tensor value = (int8 * grain.channel_scale.view({-1, 1, 1})).reshape(weight.sizes());
            QVERIFY(at::allclose(value, grain.dequantized, 1e-2, 0));
            const at::Tensor by_params = dequantize(grain.codes, int_grid(4), grain.params(), device);
            QVERIFY(at::allclose(by_params, value, 1e-5, 1e-12));
            QVERIFY(at::isfinite(grain.loss).all().item<bool>());
        }
    }

    void search_beats_plain_rounding() {
        const Device device = open_device("cpu");
        at::manual_seed(32);
        const at::Tensor weight = at::randn({64, 256}).pow(3);
        const at::Tensor gram = mean_gram(at::randn({900, 256}) * at::rand({256}));
        const DualGrain searched = dgq_phase2(weight, gram, dgq_phase1(weight, gram, 32, {}), {});
        const DualGrain plain =
            round_to_dual_grain(weight, find_params(weight, asymmetric(int_grid(4), per_group(32)), device), gram, {});
        QVERIFY(searched.loss.sum().item<float>() < plain.loss.sum().item<float>());
    }

    /// Section 16.3: equal group scales give an S2 that is constant in every row.
    void equal_groups_share_one_scale() {
        at::manual_seed(33);
        const at::Tensor part = at::randn({8, 16});
        const at::Tensor weight = part.repeat({1, 4});
        const at::Tensor inputs = at::randn({400, 16}).repeat({1, 4});
        const at::Tensor gram = mean_gram(inputs);
        const DualGrain result = dgq_phase2(weight, gram, dgq_phase1(weight, gram, 16, {}), {});
        QVERIFY(at::equal(result.group_scale.amin(1), result.group_scale.amax(1)));
    }
};

GRATICULE_TEST(SolverDgqTest);
#include "tst_solver_dgq.moc"
