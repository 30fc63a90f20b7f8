// Kinds of linear operations against the product that each stands for.
#include "tests/solvers/golden_tensors.h"

#include "core/method/solvers/weight_quantizer.h"
#include "core/recipe/recipe.h"
#include "core/runtime/linear/linear_op.h"

using namespace graticule;
using namespace graticule::solvers;
using namespace graticule::testing;

namespace {

constexpr std::int64_t outputs = 24, inputs = 64;

Linear linear_of_shape() {
    Linear linear;
    linear.name = linear.short_name = "layers.0.mlp.down_proj";
    linear.weight = HostTensor::from_floats(std::vector<float>(outputs * inputs), {outputs, inputs});
    return linear;
}

/// A linear rounded to nearest by this line; `values` become what its codes stand for.
QuantizedLinear rounded(const std::string& line, const at::Tensor& weight, at::Tensor& values) {
    const Device device = open_device("cpu");
    QuantizedLinear quantized;
    quantized.choice = parse_scheme_line(line);
    const QuantizedTensor nearest =
        quantize_to_nearest(weight, weight_quantizer(*quantized.choice.scheme.weight), device);
    values = nearest.dequantized;
    const at::Tensor codes = nearest.codes.contiguous();
    quantized.codes.assign(codes.data_ptr<std::uint8_t>(), codes.data_ptr<std::uint8_t>() + codes.numel());
    quantized.params = {nearest.params.layout, to_vector(nearest.params.scale), to_vector(nearest.params.zero), {}, {}};
    return quantized;
}

} // namespace

class LinearOpTest : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void simulated_is_the_product_with_its_values_data() {
        QTest::addColumn<QString>("line");
        for (const char* line : {"w=int4/asym/g16 a=int8/sym/token", "w=dint4/asym/channel", "w=fp4_e2m1/sym/g32",
                                 "w=int8/sym/tensor a=int8/asym/tensor"})
            QTest::newRow(line) << line;
    }
    void simulated_is_the_product_with_its_values() {
        QFETCH(QString, line);
        const Device device = open_device("cpu");
        at::manual_seed(5);
        at::Tensor values;
        const QuantizedLinear quantized = rounded(line.toStdString(), at::randn({outputs, inputs}), values);
        const at::Tensor bias = at::randn({outputs});
        const auto operation = simulated_op(quantized, linear_of_shape(), bias, device);
        const at::Tensor x = at::randn({2, 7, inputs});
        const std::optional<ActivationRounding> rounding = input_rounding(quantized);
        const at::Tensor seen = rounding ? round_activation(*rounding, x, device) : x;
        SiteInputs site(x, device);
        QVERIFY(at::equal(operation->run(site.under(rounding)), at::linear(seen, values, bias)));
        const std::int64_t parameters =
            std::int64_t(quantized.codes.size() + 4 * (quantized.params.scale.size() + quantized.params.zero.size()));
        QCOMPARE(operation->device_bytes(), parameters + outputs * 4);
    }

    void sum_is_the_product_with_the_effective_weight() {
        const Device device = open_device("cpu");
        at::manual_seed(6);
        at::Tensor weight = at::randn({outputs, inputs});
        const std::vector<std::int32_t> kept = {3, 17, 40};
        const at::Tensor kept_index = at::tensor(std::vector<std::int64_t>(kept.begin(), kept.end()), at::kLong);
        const at::Tensor columns = weight.index_select(1, kept_index).to(at::kHalf).to(at::kFloat);
        weight.index_fill_(1, kept_index, 0);
        at::Tensor values;
        QuantizedLinear quantized = rounded("w=int4/asym/g16 a=int8/asym/token", weight, values);
        quantized.kept_channels = kept;
        const at::Tensor a = at::randn({outputs, 4}), b = at::randn({4, inputs});
        const auto operation =
            sum_op(simulated_op(quantized, linear_of_shape(), {}, device), {a, b, columns, kept_index});

        at::Tensor x = at::randn({2, 7, inputs});
        x.index_fill_(-1, at::tensor({17}, at::kLong), 300); // an outlier that would take every token's range
        const at::Tensor effective = values.index_copy(1, kept_index, columns) + at::matmul(a, b);
        SiteInputs site(x, device);
        const at::Tensor y = operation->run(site.under(input_rounding(quantized)));
        const at::Tensor expected =
            at::linear(round_activation(*input_rounding(quantized), x, device), effective).to(at::kDouble);
        const double worst = (y - expected).abs().max().item<double>() / expected.abs().max().item<double>();
        QVERIFY2(worst < 1e-6, std::to_string(worst).c_str());
        QCOMPARE(operation->kernel(), std::string_view("simulated"));
    }

    void a_site_prepares_its_input_once_per_rounding() {
        const Device device = open_device("cpu");
        const ActivationRounding token{*parse_scheme_line("a=int8/sym/token").scheme.input};
        ActivationRounding other = token;
        other.kept_channels = {1};
        const at::Tensor x = at::randn({1, 5, inputs});
        SiteInputs site(x, device);
        const SiteInput& first = site.under(token);
        QVERIFY(first.values().is_same(site.under(token).values()));
        QVERIFY(!first.values().is_same(site.under(other).values()));
        QVERIFY(site.under(std::nullopt).values().is_same(x)); // nothing is copied where nothing is rounded
        QVERIFY(at::equal(site.under(other).values().select(-1, 1), x.select(-1, 1)));
        QVERIFY(!at::equal(first.values().select(-1, 1), x.select(-1, 1)));
    }
};

GRATICULE_TEST(LinearOpTest);
#include "tst_linear_op.moc"
