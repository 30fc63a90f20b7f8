// Kinds of linear operations against the product that each stands for.
#include "tests/solvers/golden_tensors.h"

#include "core/method/solvers/tensor_quantizer.h"
#include "core/recipe/recipe.h"
#include "core/runtime/linear/linear_op.h"
#include "core/runtime/parameter_loader.h"

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
    quantized.codes = PackedCodes::pack({codes.data_ptr<std::uint8_t>(), std::size_t(codes.numel())}, outputs, inputs,
                                        quantized.choice.scheme.weight->format->bits);
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
        ParameterLoader loader(nullptr, device);
        const auto operation = simulated_op(quantized, linear_of_shape(), bias, loader);
        const at::Tensor x = at::randn({2, 7, inputs});
        const std::optional<ActivationRounding> rounding = input_rounding(quantized);
        const at::Tensor seen = rounding ? round_activation(*rounding, x, device) : x;
        SiteInputs site(x, device);
        QVERIFY(at::equal(operation->run(site.under({.rounding = rounding})), at::linear(seen, values, bias)));
        const std::int64_t parameters = std::int64_t(
            quantized.codes.bytes().bytes.size() + 4 * (quantized.params.scale.size() + quantized.params.zero.size()));
        QCOMPARE(operation->device_bytes(), parameters + outputs * 4);
    }

    /// In 16 bits the integers are multiplied and scaled afterwards: what is left are roundings of the result.
    void units_are_exact_in_sixteen_bits_data() {
        QTest::addColumn<bool>("half");
        QTest::newRow("bfloat16") << false;
        QTest::newRow("float16") << true;
    }
    void units_are_exact_in_sixteen_bits() {
        QFETCH(bool, half);
        const Device device = open_device("cpu");
        const at::ScalarType type = half ? at::kHalf : at::kBFloat16;
        at::manual_seed(8);
        at::Tensor values;
        const QuantizedLinear quantized =
            rounded("w=int8/sym/channel a=int8/asym/token", at::randn({outputs, inputs}) + 1, values);
        ParameterLoader loader(nullptr, device);
        const auto operation = simulated_op(quantized, linear_of_shape(), {}, loader);
        // Same signs, so that sums are large: 64 x 127 x 127 is beyond float16.
        const at::Tensor x = (at::rand({2, 7, inputs}) + 1).to(type);
        SiteInputs site(x, device);
        const at::Tensor y = operation->run(site.under({.rounding = input_rounding(quantized)}));
        QCOMPARE(y.scalar_type(), type);
        const at::Tensor seen = round_activation(*input_rounding(quantized), x.to(at::kFloat), device);
        const at::Tensor exact = at::linear(seen.to(at::kDouble), values.to(at::kDouble));
        const double rounding = half ? 1.0 / 2048 : 1.0 / 256; // largest relative rounding of the type
        const double worst = ((y.to(at::kDouble) - exact).abs() / exact.abs()).max().item<double>();
        QVERIFY2(worst < 3 * rounding, std::to_string(worst).c_str()); // the sum and two scales
    }

    void integers_agree_with_simulation_data() {
        QTest::addColumn<QString>("line");
        for (const char* weight : {"w=int4/asym/channel", "w=int8/sym/channel", "w=int4/asym/g16", "w=dint4/asym/g16",
                                   "w=dint4/sym/channel", "w=int8/asym/tensor", "w=int3/asym/g32"})
            for (const char* input :
                 {"a=int8/sym/token", "a=int8/asym/token", "a=int8/asym/tensor/static", "a=int8/sym/tensor/static"})
                QTest::addRow("%s %s", weight, input) << QStringLiteral("%1 %2").arg(weight, input);
    }
    /// The same codes: what differs is when sums are rounded to float32.
    void integers_agree_with_simulation() {
        QFETCH(QString, line);
        const Device device = open_device("cpu");
        ParameterLoader loader(nullptr, device);
        at::manual_seed(9);
        at::Tensor values;
        QuantizedLinear quantized = rounded(line.toStdString(), at::randn({outputs, inputs}), values);
        const TensorScheme& input = *quantized.choice.scheme.input;
        if (!input.dynamic) quantized.static_input = StaticScale{0.031F, input.symmetric ? 128.0F : 113.0F};
        const at::Tensor bias = at::randn({outputs});
        std::string why;
        const auto integer = integer_op(quantized, linear_of_shape(), bias, at::kFloat, loader, why);
        QVERIFY2(integer != nullptr, why.c_str());
        QVERIFY(integer->kernel() != "simulated" && integer->device_bytes() > 0);
        const auto simulated = simulated_op(quantized, linear_of_shape(), bias, loader);
        SiteInputs site(at::randn({2, 7, inputs}), device);
        const SiteInput& x = site.under({.rounding = input_rounding(quantized)});
        const at::Tensor a = integer->run(x), b = simulated->run(x);
        QCOMPARE(a.sizes(), b.sizes());
        const double worst = (a - b).abs().max().item<double>() / b.abs().max().item<double>();
        QVERIFY2(worst < 1e-6, std::to_string(worst).c_str());
    }

    /// A weight whose zero points no product of codes holds is not multiplied wrongly by one.
    void a_zero_point_out_of_range_is_refused() {
        const Device device = open_device("cpu");
        ParameterLoader loader(nullptr, device);
        at::Tensor values;
        QuantizedLinear quantized = rounded("w=int4/asym/g16 a=int8/sym/token", at::randn({outputs, inputs}), values);
        std::string why;
        quantized.params.zero[3] = -112;
        QVERIFY2(integer_op(quantized, linear_of_shape(), {}, at::kFloat, loader, why) != nullptr, why.c_str());
        for (const float zero : {-113.0F, 128.0F}) {
            quantized.params.zero[3] = zero;
            QVERIFY(integer_op(quantized, linear_of_shape(), {}, at::kFloat, loader, why) == nullptr);
            QVERIFY2(why.find(std::to_string(zero)) != std::string::npos &&
                         why.find("-112 ... 127") != std::string::npos,
                     why.c_str());
            QVERIFY(weight_only_op(quantized, linear_of_shape(), {}, at::kHalf, loader, why) == nullptr);
        }
    }

    void weight_only_is_the_product_with_its_values_data() {
        QTest::addColumn<QString>("line");
        QTest::addColumn<bool>("half");
        for (const char* line : {"w=int4/asym/g16", "w=int4/asym/channel", "w=int4/sym/g32", "w=int4/asym/tensor"})
            for (const bool half : {false, true})
                QTest::addRow("%s %s", line, half ? "float16" : "bfloat16") << QString::fromLatin1(line) << half;
    }
    /// Few tokens are multiplied with codes, many with the weight in full: both within a rounding of the type.
    void weight_only_is_the_product_with_its_values() {
        QFETCH(QString, line);
        QFETCH(bool, half);
        const Device device = open_device("cpu");
        const at::ScalarType type = half ? at::kHalf : at::kBFloat16;
        ParameterLoader loader(nullptr, device);
        at::manual_seed(10);
        at::Tensor values;
        const QuantizedLinear quantized = rounded(line.toStdString(), at::randn({outputs, inputs}), values);
        const at::Tensor bias = at::randn({outputs}).to(type);
        std::string why;
        const auto operation = weight_only_op(quantized, linear_of_shape(), bias, type, loader, why);
        QVERIFY2(operation != nullptr, why.c_str());
        QVERIFY(operation->device_bytes() > 0);
        QCOMPARE(operation->kernel(), std::string_view("w4a16 reference, dense from 9 tokens"));
        QCOMPARE(operation->kernel_for(8), std::string_view("w4a16 reference"));
        QCOMPARE(operation->kernel_for(9), std::string_view("dense, expanded by w4a16 reference"));
        const double rounding = half ? 1.0 / 2048 : 1.0 / 256;
        for (const std::int64_t tokens : {1, 3, 20}) {
            const at::Tensor x = at::randn({2, tokens, inputs}).to(type);
            SiteInputs site(x, device);
            const at::Tensor y = operation->run(site.under({}));
            QCOMPARE(y.scalar_type(), type);
            const at::Tensor exact = at::linear(x.to(at::kDouble), values.to(at::kDouble), bias.to(at::kDouble));
            const at::Tensor magnitude = at::linear(x.to(at::kDouble).abs(), values.to(at::kDouble).abs());
            const at::Tensor excess = (y.to(at::kDouble) - exact).abs() - rounding * (exact.abs() + magnitude);
            QVERIFY2(excess.max().item<double>() <= 0, std::to_string(tokens).c_str());
        }
        QVERIFY(weight_only_op(quantized, linear_of_shape(), bias, at::kFloat, loader, why) == nullptr);
        QVERIFY2(why.find("bf16 and f16") != std::string::npos, why.c_str());
    }

    void what_has_no_integer_product_says_why_data() {
        QTest::addColumn<QString>("line");
        QTest::addColumn<QString>("why");
        QTest::newRow("float weights") << "w=fp4_e2m1/sym/g16 a=int8/sym/token"
                                       << "";
        QTest::newRow("full inputs") << "w=int4/asym/g16"
                                     << "inputs are not quantized";
        QTest::newRow("float inputs") << "w=int4/asym/g16 a=fp8_e4m3/sym/token"
                                      << "fp8_e4m3/sym/token";
        QTest::newRow("scale per tensor") << "w=int4/asym/g16 a=int8/sym/tensor"
                                          << "one scale for all that is found as it runs";
    }
    void what_has_no_integer_product_says_why() {
        QFETCH(QString, line);
        QFETCH(QString, why);
        ParameterLoader loader(nullptr, open_device("cpu"));
        at::Tensor values;
        const QuantizedLinear quantized = rounded(line.toStdString(), at::randn({outputs, inputs}), values);
        std::string reason;
        QVERIFY(integer_op(quantized, linear_of_shape(), {}, at::kFloat, loader, reason) == nullptr);
        QVERIFY2(!reason.empty() && reason.find(why.toStdString()) != std::string::npos, reason.c_str());
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
        ParameterLoader loader(nullptr, device);
        const auto operation =
            sum_op(simulated_op(quantized, linear_of_shape(), {}, loader), {a, b, columns, kept_index});

        at::Tensor x = at::randn({2, 7, inputs});
        x.index_fill_(-1, at::tensor({17}, at::kLong), 300); // an outlier that would take every token's range
        const at::Tensor effective = values.index_copy(1, kept_index, columns) + at::matmul(a, b);
        SiteInputs site(x, device);
        const at::Tensor y = operation->run(site.under({.rounding = input_rounding(quantized)}));
        const at::Tensor expected =
            at::linear(round_activation(*input_rounding(quantized), x, device), effective).to(at::kDouble);
        const double worst = (y - expected).abs().max().item<double>() / expected.abs().max().item<double>();
        QVERIFY2(worst < 1e-6, std::to_string(worst).c_str());
        QCOMPARE(operation->kernel(), std::string_view("simulated"));
    }

    void a_site_behind_a_norm_is_quantized_in_one_read_data() {
        QTest::addColumn<int>("front");
        QTest::addColumn<int>("block");
        for (const int block : {0, 16})
            for (const int front : {0, 1, 2, 3}) QTest::addRow("%d, blocks of %d", front, block) << front << block;
    }
    /// Straight from what the values are made of: the scales and codes of separate operations, but for ties.
    void a_site_behind_a_norm_is_quantized_in_one_read() {
        QFETCH(int, front);
        QFETCH(int, block);
        const Device device = open_device("cpu");
        at::manual_seed(11);
        int made = 0;
        SiteFront how;
        how.kind = static_cast<InputFront>(front);
        how.type = at::kFloat;
        how.values = at::randn({2, 9, inputs});
        how.epsilon = 1e-5;
        if (how.kind == InputFront::rms_norm || how.kind == InputFront::layer_norm) how.weight = at::randn({inputs});
        if (how.kind == InputFront::layer_norm) how.bias = at::randn({inputs});
        if (how.kind == InputFront::silu_product) how.up = at::randn({2, 9, inputs});
        how.make = [&made, how] {
            ++made;
            const at::Tensor& x = how.values;
            switch (how.kind) {
            case InputFront::rms_norm:
                return at::rms_norm(x, {inputs}, how.weight, how.epsilon);
            case InputFront::layer_norm:
                return at::layer_norm(x, {inputs}, how.weight, how.bias, how.epsilon);
            case InputFront::silu_product:
                return at::silu(x) * how.up;
            case InputFront::none:
                break;
            }
            return x.clone();
        };
        InputPreparation preparation{.rounding = {{*parse_scheme_line("a=int8/sym/token").scheme.input}}};
        if (block != 0) preparation.hadamard = block;
        SiteInputs straight(how, device), separate(how, device);
        (void)separate.values(preparation.hadamard);
        QCOMPARE(made, 1);
        const IntegerActivation& a = straight.under(preparation).integers(InputLayout::plain);
        QCOMPARE(made, how.kind == InputFront::none ? 2 : 1);
        const IntegerActivation& b = separate.under(preparation).integers(InputLayout::plain);
        QVERIFY(at::allclose(a.scale, b.scale, 1e-5, 0));
        const at::Tensor difference =
            (a.values.view(at::kChar).to(at::kInt) - b.values.view(at::kChar).to(at::kInt)).abs();
        QVERIFY(difference.max().item<int>() <= 1 && difference.sum().item<std::int64_t>() <= 3);
        QVERIFY(at::allclose(straight.values(), separate.values(), 1e-6, 1e-6)); // still there for who wants them
    }

    void a_site_prepares_its_input_once_per_rounding() {
        const Device device = open_device("cpu");
        const ActivationRounding token{*parse_scheme_line("a=int8/sym/token").scheme.input};
        ActivationRounding other = token;
        other.kept_channels = {1};
        const at::Tensor x = at::randn({1, 5, inputs});
        SiteInputs site(x, device);
        const SiteInput& first = site.under({.rounding = token});
        QVERIFY(first.values().is_same(site.under({.rounding = token}).values()));
        QVERIFY(!first.values().is_same(site.under({.rounding = other}).values()));
        QVERIFY(site.under({}).values().is_same(x)); // nothing is copied where nothing is rounded
        QVERIFY(at::equal(site.under({.rounding = other}).values().select(-1, 1), x.select(-1, 1)));
        QVERIFY(!at::equal(first.values().select(-1, 1), x.select(-1, 1)));
    }
};

GRATICULE_TEST(LinearOpTest);
#include "tst_linear_op.moc"
