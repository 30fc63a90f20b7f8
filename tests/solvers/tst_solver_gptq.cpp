// GPTQ against the reference's own results, and against what must hold whatever the numbers are.
#include "tests/solvers/golden_tensors.h"

#include "core/base/error.h"
#include "core/method/solvers/fixed_sums.h"
#include "core/method/solvers/gptq.h"

using namespace graticule;
using namespace graticule::solvers;
using namespace graticule::testing;

namespace {

constexpr int sequences = 4; // of 128 rows: "batches" of the records

at::Tensor golden_hessian(const GoldenTensors& golden) {
    at::Tensor gram = at::zeros({golden.inputs.size(1), golden.inputs.size(1)});
    for (const at::Tensor& part : golden.inputs.chunk(sequences)) add_gram(gram, part);
    return hessian_of(gram, sequences);
}

/// tr(dW H dW^T) / 2 with the damped Hessian: what the walk's errors add up to.
double output_loss(const at::Tensor& difference, const at::Tensor& hessian, double damping) {
    at::Tensor damped = hessian.to(at::kDouble);
    damped.diagonal().add_(damping * damped.diagonal().mean().item<double>());
    const at::Tensor error = difference.to(at::kDouble);
    return (at::mm(error, damped) * error).sum().item<double>() / 2;
}

struct Case {
    const char* record;
    TensorQuantizer quantizer;
    GptqOptions options;
};

std::vector<Case> cases(std::int64_t group) {
    const CodeGrid int4 = int_grid(4);
    return {
        {"gptq4_row", asymmetric(int4, per_channel()), {}},
        {"gptq4_row_sym_actorder", symmetric(int4, per_channel(), true), {.act_order = true}},
        {"gptq4_g16", asymmetric(int4, per_group(group)), {}},
        {"gptq4_g16_static_actorder", asymmetric(int4, per_group(group)), {.act_order = true, .static_groups = true}}};
}

} // namespace

class SolverGptqTest : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void golden_data() {
        QTest::addColumn<int>("index");
        QTest::addColumn<bool>("by_rows");
        for (int i = 0; i < 4; ++i)
            for (const bool by_rows : {false, true})
                QTest::addRow("%s %s", cases(16)[static_cast<std::size_t>(i)].record,
                              by_rows ? "by rows" : "by columns")
                    << i << by_rows;
    }
    void golden() {
        GRATICULE_NEEDS_SHARED("reference/golden_vectors.json");
        QFETCH(int, index);
        QFETCH(bool, by_rows);
        const GoldenTensors golden = load_golden_tensors();
        Case the_case = cases(golden.group)[static_cast<std::size_t>(index)];
        const QJsonObject record = golden.records[the_case.record].toObject();
        const at::Tensor hessian = golden_hessian(golden);
        compare_list(hessian.diagonal(), record["H_diag_first8"].toArray(), 1e-5);
        the_case.options.loop = by_rows ? GptqLoop::by_rows : GptqLoop::by_columns;
        const GptqResult result = gptq(golden.weight, hessian, the_case.quantizer, the_case.options, golden.device);
        QVERIFY(!result.cholesky_failed);
        compare_dequantized(golden, result.rounded.dequantized, record, 1e-6);
        // Group scales of the records are those of the last group measured, which is group 1 of every row.
        const at::Tensor scale = result.rounded.params.scale;
        compare_list(scale.select(1, scale.size(1) - 1), record["scale_first8"].toArray(), 1e-6);
        COMPARE_CLOSE(output_loss(result.rounded.dequantized - golden.weight, hessian, the_case.options.damping),
                      result.loss, 1e-3);
        QVERIFY(result.loss < result.loss_nearest);
    }

    void loops_agree_data() {
        QTest::addColumn<int>("format");
        QTest::addColumn<std::int64_t>("group");
        const char* formats[] = {"int4", "int3", "dint4", "dint3", "fp4"};
        for (int format = 0; format < 5; ++format)
            for (const std::int64_t group : {0, 32, 96})
                QTest::addRow("%s group %d", formats[format], static_cast<int>(group)) << format << group;
    }
    void loops_agree() {
        QFETCH(int, format);
        QFETCH(std::int64_t, group);
        const CodeGrid grids[] = {int_grid(4), int_grid(3), dint_grid(4), dint_grid(3), fp4_grid()};
        const Device device = open_device("cpu");
        at::manual_seed(5);
        const at::Tensor weight = at::randn({8, 192});
        const at::Tensor inputs = at::randn({2000, 192}) * at::rand({192}).add(0.1);
        const at::Tensor hessian = hessian_of(at::mm(inputs.t(), inputs), 4);
        const TensorQuantizer quantizer = asymmetric(grids[format], group == 0 ? per_channel() : per_group(group));
        GptqOptions options{.loop = GptqLoop::by_columns};
        const GptqResult columns = gptq(weight, hessian, quantizer, options, device);
        options.loop = GptqLoop::by_rows;
        const GptqResult rows = gptq(weight, hessian, quantizer, options, device);
        // A value within a rounding error of a threshold may fall to either side and then changes what follows.
        const double different = rows.rounded.codes.ne(columns.rounded.codes).to(at::kDouble).mean().item<double>();
        QVERIFY2(different < 0.01, qPrintable(QString::number(different)));
        COMPARE_CLOSE(rows.loss, columns.loss, 2e-3);
        COMPARE_CLOSE(output_loss(rows.rounded.dequantized - weight, hessian, options.damping), rows.loss, 1e-3);
        QVERIFY(rows.loss < rows.loss_nearest);
    }

    void identity_hessian_is_nearest() {
        const Device device = open_device("cpu");
        at::manual_seed(6);
        const at::Tensor weight = at::randn({24, 256});
        const TensorQuantizer quantizer = asymmetric(dint_grid(4), per_group(64));
        const GptqResult result = gptq(weight, at::eye(256), quantizer, {}, device);
        const QuantizedTensor nearest = quantize_to_nearest(weight, quantizer, device);
        QVERIFY(at::equal(result.rounded.codes, nearest.codes));
        QVERIFY(at::equal(result.rounded.params.scale, nearest.params.scale));
        QCOMPARE(result.update_ratio.largest, 0.0);
    }

    void loss_falls_with_bits() {
        const Device device = open_device("cpu");
        at::manual_seed(7);
        const at::Tensor weight = at::randn({32, 128});
        const at::Tensor inputs = at::randn({1000, 128});
        double before = std::numeric_limits<double>::infinity();
        for (int bits = 2; bits <= 8; ++bits) {
            const GptqResult result =
                gptq(weight, at::mm(inputs.t(), inputs), asymmetric(int_grid(bits), per_channel()), {}, device);
            QVERIFY(result.loss < before);
            before = result.loss;
        }
    }

    void dead_columns_are_cleared_and_counted() {
        const Device device = open_device("cpu");
        at::manual_seed(8);
        at::Tensor inputs = at::randn({500, 64});
        inputs.slice(1, 10, 13).zero_();
        const GptqResult result =
            gptq(at::randn({8, 64}), at::mm(inputs.t(), inputs), asymmetric(int_grid(4), per_channel()), {}, device);
        QCOMPARE(result.dead_columns, 3);
        QCOMPARE(result.rounded.dequantized.slice(1, 10, 13).abs().max().item<float>(), 0.0F);
    }

    void failed_cholesky_rounds_to_nearest() {
        const Device device = open_device("cpu");
        const at::Tensor weight = at::linspace(-1, 1, 4 * 16).reshape({4, 16});
        at::Tensor hessian = at::ones({16, 16});
        hessian.diagonal().fill_(0.5); // indefinite
        const TensorQuantizer quantizer = asymmetric(int_grid(4), per_channel());
        const GptqResult result = gptq(weight, hessian, quantizer, {}, device);
        QVERIFY(result.cholesky_failed);
        QVERIFY(result.failure.find("damping") != std::string::npos);
        QVERIFY(at::equal(result.rounded.codes, quantize_to_nearest(weight, quantizer, device).codes));
    }

    void scattered_groups_are_refused() {
        const Device device = open_device("cpu");
        bool refused = false;
        try {
            (void)gptq(at::ones({2, 32}), at::eye(32), asymmetric(int_grid(4), per_group(16)), {.act_order = true},
                       device);
        } catch (const Error& error) {
            refused = error.info().kind == ErrorKind::unsupported;
        }
        QVERIFY(refused);
    }

    void update_ratio_of_two_columns() {
        // H^-1 of [[2, 1], [1, 2]] is [[2, -1], [-1, 2]] / 3: the first column moves the second by one half.
        const Device device = open_device("cpu");
        const at::Tensor hessian = to_torch({2, 1, 1, 2}, {2, 2}, device);
        const GptqResult result =
            gptq(at::ones({1, 2}), hessian, asymmetric(int_grid(4), per_channel()), {.damping = 0}, device);
        COMPARE_CLOSE(result.update_ratio.largest, 0.5, 1e-6);
        COMPARE_CLOSE(result.update_ratio.mean, 0.25, 1e-6);
    }
};

GRATICULE_TEST(SolverGptqTest);
#include "tst_solver_gptq.moc"
