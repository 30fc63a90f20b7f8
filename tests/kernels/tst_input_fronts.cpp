// Inputs that are made of other values while they are quantized: each front against its formula in float64, and the
// quantization against separate steps.
#include <QtTest/QTest>
#include <cmath>

#include "kernels/api/backends.h"
#include "kernels/api/gemm.h"
#include "kernels/api/half.h"
#include "kernels/api/input_fronts.h"
#include "kernels/api/kernel_error.h"
#include "kernels/conformance/gemm_cases.h"
#include "tests/support/test_main.h"

using namespace graticule;

namespace {

struct Quantized {
    std::vector<std::int8_t> values;
    std::vector<float> scale;
    std::vector<std::int32_t> row_sum;
};

Quantized quantize(const InputSource& source) {
    const auto tokens = std::size_t(source.values.rows);
    Quantized result{std::vector<std::int8_t>(tokens * std::size_t(source.values.columns)), std::vector<float>(tokens),
                     std::vector<std::int32_t>(tokens)};
    cpu_gemms().quantize_input(source, {{ScaleRule::symmetric_absmax, 1, 1e-5F}, nullptr, nullptr}, InputLayout::plain,
                               {result.values.data(), result.scale.data(), nullptr, result.row_sum.data()}, {});
    return result;
}

std::vector<std::uint16_t> to_bf16(const std::vector<float>& values) {
    std::vector<std::uint16_t> halves;
    for (const float value : values) halves.push_back(float_to_bf16(value));
    return halves;
}

} // namespace

class TestInputFronts : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void exponential_and_silu();
    void norms_follow_their_formulas_data();
    void norms_follow_their_formulas();
    void silu_times_up_is_two_operations();
    void hadamard_is_the_back_ends();
    void refusals();
};

void TestInputFronts::exponential_and_silu() {
    for (float y = -86.9F; y <= 0; y += 0.00193F) {
        const double exact = std::exp(double{y});
        QVERIFY2(std::fabs(double{exp_of_negative(y)} - exact) <= exact * 0x1p-22, std::to_string(y).c_str());
    }
    QCOMPARE(exp_of_negative(0.0F), 1.0F);
    QCOMPARE(exp_of_negative(-1e30F), exp_of_negative(-87.0F));
    QVERIFY(std::isnan(silu_of(std::numeric_limits<float>::quiet_NaN())));
    for (float x = -80; x < 80; x += 0.0037F) {
        const double exact = double{x} / (1 + std::exp(-double{x}));
        QVERIFY2(std::fabs(double{silu_of(x)} - exact) <= std::fabs(exact) * 0x1p-21, std::to_string(x).c_str());
    }
    QCOMPARE(silu_of(1000.0F), 1000.0F);
    QVERIFY(std::fabs(silu_of(-1000.0F)) < 1e-30F);
}

void TestInputFronts::norms_follow_their_formulas_data() {
    QTest::addColumn<int>("columns");
    QTest::addColumn<bool>("layer");
    for (const int columns : {40, 4096, 11008, 28672})
        for (const bool layer : {false, true})
            QTest::addRow("%d %s", columns, layer ? "layer" : "rms") << columns << layer;
}

/// A symmetric scale is the largest value over 127, and codes are within half a step and the norm's own error.
void TestInputFronts::norms_follow_their_formulas() {
    QFETCH(int, columns);
    QFETCH(bool, layer);
    const std::int64_t tokens = 3;
    const std::vector<float> x = conformance::make_gemm_inputs(tokens, columns, 1);
    const std::vector<float> weight = conformance::make_gemm_inputs(1, columns, 2);
    const std::vector<float> bias = conformance::make_gemm_inputs(1, columns, 3);
    InputSource source{{x.data(), ValueType::f32, tokens, columns, columns}};
    source.front = layer ? InputFront::layer_norm : InputFront::rms_norm;
    source.weight = weight.data();
    source.bias = bias.data();
    source.epsilon = 1e-5F;
    const Quantized got = quantize(source);
    for (std::size_t token = 0; token < std::size_t(tokens); ++token) {
        const float* row = x.data() + token * std::size_t(columns);
        double mean = 0, squares = 0, largest = 0;
        for (int i = 0; i < columns; ++i) mean += layer ? double{row[i]} / columns : 0.0;
        for (int i = 0; i < columns; ++i) squares += (double{row[i]} - mean) * (double{row[i]} - mean);
        const double r = 1 / std::sqrt(squares / columns + double{1e-5F});
        std::vector<double> y;
        for (int i = 0; i < columns; ++i) {
            const auto at = std::size_t(i);
            y.push_back((double{row[i]} - mean) * r * double{weight[at]} + (layer ? double{bias[at]} : 0.0));
            largest = std::max(largest, std::fabs(y.back()));
        }
        const double scale = double{got.scale[token]};
        QVERIFY(std::fabs(scale - largest / 127) <= scale * 0x1p-20);
        for (std::size_t i = 0; i < y.size(); ++i) {
            const double steps = y[i] / scale;
            QVERIFY(std::fabs(double(got.values[token * y.size() + i]) - steps) <= 0.5 + 127 * 0x1p-20);
        }
    }
}

/// bf16 factors: what two tensor operations would leave is what is quantized.
void TestInputFronts::silu_times_up_is_two_operations() {
    const std::int64_t tokens = 4, columns = 344;
    const std::vector<std::uint16_t> gate = to_bf16(conformance::make_gemm_inputs(tokens, columns, 5));
    const std::vector<std::uint16_t> up = to_bf16(conformance::make_gemm_inputs(tokens, columns, 6));
    std::vector<std::uint16_t> product;
    for (std::size_t i = 0; i < gate.size(); ++i) {
        const float silu = bf16_to_float(float_to_bf16(silu_of(bf16_to_float(gate[i]))));
        product.push_back(float_to_bf16(silu * bf16_to_float(up[i])));
    }
    InputSource source{{gate.data(), ValueType::bf16, tokens, columns, columns}};
    source.front = InputFront::silu_product;
    source.up = {up.data(), ValueType::bf16, tokens, columns, columns};
    source.through = ValueType::bf16;
    const Quantized made = quantize(source);
    const Quantized separate = quantize({{product.data(), ValueType::bf16, tokens, columns, columns}});
    QCOMPARE(made.values, separate.values);
    QCOMPARE(made.scale, separate.scale);
    QCOMPARE(made.row_sum, separate.row_sum);
}

void TestInputFronts::hadamard_is_the_back_ends() {
    const std::int64_t tokens = 3, columns = 768;
    const std::vector<std::uint16_t> x = to_bf16(conformance::make_gemm_inputs(tokens, columns, 7));
    for (const std::int64_t block : {2, 16, 256}) {
        std::vector<float> values;
        for (const std::uint16_t half : x) values.push_back(bf16_to_float(half));
        cpu_backend().hadamard({values.data(), tokens, columns}, block, {values.data(), tokens, columns}, {});
        const std::vector<std::uint16_t> transformed = to_bf16(values);
        InputSource source{{x.data(), ValueType::bf16, tokens, columns, columns}};
        source.hadamard = block;
        source.through = ValueType::bf16;
        const Quantized made = quantize(source);
        const Quantized separate = quantize({{transformed.data(), ValueType::bf16, tokens, columns, columns}});
        QCOMPARE(made.values, separate.values);
        QCOMPARE(made.scale, separate.scale);
    }
}

void TestInputFronts::refusals() {
    const float x[8] = {};
    const auto says = [&](const InputSource& source, const char* what) {
        try {
            std::int8_t values[8];
            float scale;
            std::int32_t sum;
            const InputRounding rounding{{ScaleRule::symmetric_absmax, 1, 1e-5F}, nullptr, nullptr};
            cpu_gemms().quantize_input(source, rounding, InputLayout::plain, {values, &scale, nullptr, &sum}, {});
        } catch (const KernelError& error) {
            return QString::fromUtf8(error.what()).contains(QString::fromLatin1(what));
        }
        return false;
    };
    InputSource source{{x, ValueType::f32, 1, 8, 8}};
    source.front = InputFront::rms_norm;
    QVERIFY(says(source, "the norm's weight"));
    source.front = InputFront::silu_product;
    QVERIFY(says(source, "the second factor"));
    source.up = {x, ValueType::f32, 1, 7, 8};
    QVERIFY(says(source, "not alike"));
    source.front = InputFront::none;
    source.hadamard = 3;
    QVERIFY(says(source, "Hadamard blocks of 3"));
    source.hadamard = 2;
    source.values.columns = source.values.row_stride = 30000;
    QVERIFY(says(source, "30000 inputs"));
    source.values = {x, ValueType::bf16, 1, 8, 8};
    source.front = InputFront::layer_norm;
    QVERIFY(says(source, "hidden states are f32"));
}

GRATICULE_TEST(TestInputFronts);
#include "tst_input_fronts.moc"
