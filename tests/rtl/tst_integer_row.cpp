// The units against the engine's integer products (kernels/api/gemm.h): whole outputs, of the sample models' linears
// and of random codes, as the int32 sums of the CPU's reference row.
#include <QTest>
#include <algorithm>
#include <random>

#include "kernels/api/gemm.h"
#include "tests/rtl/operand_streams.h"
#include "tests/support/test_main.h"

using namespace graticule;
using namespace graticule::testing;

namespace {

/// One product: what the reference row is given, and what streams of operands are made of.
struct Product {
    const CodeGrid* grid = nullptr;
    std::int64_t outputs = 0, inputs = 0, tokens = 0;
    std::int64_t group = 0;               ///< inputs that share a group scale; 0: no dual grain, zero points per output
    std::vector<std::uint8_t> codes;      ///< (outputs, inputs)
    std::vector<float> zero;              ///< (outputs), or (outputs, groups)
    std::vector<std::int8_t> group_scale; ///< (outputs, groups) of a dual grain
    std::vector<std::int8_t> input_values; ///< (tokens, inputs)

    [[nodiscard]] std::int32_t input_sum(std::int64_t token) const {
        std::int32_t sum = 0;
        for (std::int64_t k = 0; k < inputs; ++k) sum += input_values[std::size_t(token * inputs + k)];
        return sum;
    }
};

/// (tokens, outputs)
std::vector<std::int32_t> sums_of(const Product& product) {
    const bool dual = product.group > 0;
    GemmProblem problem;
    problem.outputs = product.outputs;
    problem.inputs = product.inputs;
    problem.tokens = product.tokens;
    problem.grid = product.grid;
    problem.grain = dual ? GemmGrain::dual : GemmGrain::channel;
    problem.group = product.group;
    problem.output = ValueType::i32;
    const std::vector<float> token_scale(std::size_t(problem.tokens), 1.0F), scale(std::size_t(problem.outputs), 1.0F);
    std::vector<std::int32_t> input_sums;
    for (std::int64_t token = 0; token < problem.tokens; ++token) input_sums.push_back(product.input_sum(token));
    GemmWeights weights;
    weights.codes = {product.codes.data(), problem.outputs, problem.inputs};
    weights.scale = scale.data();
    weights.zero = product.zero.data();
    weights.group_scale = dual ? product.group_scale.data() : nullptr;
    const GemmRow& row = cpu_gemms().rows.back(); // takes everything: the definition
    if (row.input_layout != InputLayout::plain || row.refuses(problem))
        qFatal("the reference takes every problem as it is");
    std::vector<std::byte> packed(row.packed_bytes(problem) + gemm_alignment),
        workspace(row.workspace_bytes(problem) + gemm_counter_bytes + gemm_alignment);
    const auto aligned = [](std::vector<std::byte>& bytes) {
        const auto address = reinterpret_cast<std::uintptr_t>(bytes.data());
        return bytes.data() + (gemm_alignment - address % gemm_alignment) % gemm_alignment;
    };
    row.pack(problem, weights, aligned(packed), {});
    std::vector<std::int32_t> sums(std::size_t(problem.tokens * problem.outputs));
    row.run(problem, aligned(packed), {product.input_values.data(), token_scale.data(), nullptr, input_sums.data()},
            {sums.data(), problem.outputs}, aligned(workspace), {});
    return sums;
}

/// What the epilogue adds to a unit's sum: the row's is free of the zero point; a unit's is not, unless it expands
/// groups.
std::int32_t epilogue(const Product& product, std::int64_t output, std::int64_t token) {
    if (product.group > 0) return 0;
    const auto zero = static_cast<std::int32_t>(product.zero[std::size_t(output)]);
    return integer_codes(*product.grid).factor * (product.grid->levels / 2 - zero) * product.input_sum(token);
}

/// A linear of a model, for the inputs that it was calibrated with.
Product product_of(const QuantizedLinear& linear, const Linear& shape, const std::vector<std::uint8_t>& input_codes) {
    const TensorScheme& scheme = *linear.choice.scheme.weight;
    Product product;
    product.grid = &scheme.format->grid;
    product.outputs = shape.out_features();
    product.inputs = shape.in_features();
    product.tokens = std::int64_t(input_codes.size()) / product.inputs;
    product.codes = linear.codes.unpack();
    product.zero = linear.params.zero;
    if (linear.params.coarse) {
        product.group = scheme.grain().group_size;
        for (const float whole : fine_scales(linear.params, product.inputs))
            product.group_scale.push_back(static_cast<std::int8_t>(whole));
    }
    for (const std::uint8_t code : input_codes) product.input_values.push_back(static_cast<std::int8_t>(code - 128));
    return product;
}

} // namespace

class TestRtlIntegerRow : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void wholeOutputs_data() {
        QTest::addColumn<QByteArray>("unit");
        QTest::addColumn<QByteArray>("recipe");
        QTest::addColumn<QByteArray>("model");
        for (const UnitOperands& row : unit_operands()) {
            if (row.unit.starts_with("fp")) continue; // no integer product
            for (const char* model : {"sample-opt", "sample-llama"})
                QTest::newRow(qPrintable(QString::fromStdString(std::string(row.unit) + " " + model)))
                    << QByteArray(row.unit.data(), qsizetype(row.unit.size()))
                    << QByteArray(row.recipe.data(), qsizetype(row.recipe.size())) << QByteArray(model);
        }
    }
    void wholeOutputs() {
        QFETCH(QByteArray, unit);
        QFETCH(QByteArray, recipe);
        QFETCH(QByteArray, model);
        const QuantizedSample sample = quantized_sample(model.toStdString(), recipe.toStdString());
        const auto simulated = simulated_unit(unit.toStdString());
        const auto lanes = operand_lanes(*sample.quantized, *sample.stats, 4, 0);
        LayerId at{-1};
        Product product;
        std::vector<std::int32_t> expected;
        for (const OperandLane& lane : lanes) {
            if (lane.layer != at) {
                const QuantizedLinear& linear = *sample.quantized->linears.at(index_of(lane.layer));
                const Linear& shape = sample.quantized->base->linear(lane.layer);
                const HostTensor& inputs = sample.stats->sites.at(index_of(shape.site)).kept_rows;
                product = product_of(linear, shape, input_codes(*linear.choice.scheme.input, inputs));
                expected = sums_of(product);
                at = lane.layer;
            }
            std::uint32_t bits = 0;
            for (const UnitPorts& ports : lane.clocks) bits = simulated->clock(ports);
            QCOMPARE(static_cast<std::int32_t>(bits) + epilogue(product, lane.row, lane.token),
                     expected[std::size_t(lane.token * product.outputs + lane.row)]);
        }
        QCOMPARE(lanes.size(), sample.quantized->linears.size() * 4);
    }

    void randomCodes_data() {
        QTest::addColumn<QByteArray>("unit");
        QTest::addColumn<QByteArray>("format");
        QTest::addColumn<int>("group");
        QTest::newRow("int8_int8") << QByteArray("int8_int8") << QByteArray("int8") << 0;
        QTest::newRow("int4_int8") << QByteArray("int4_int8") << QByteArray("int4") << 0;
        QTest::newRow("dint4_int8") << QByteArray("dint4_int8") << QByteArray("dint4") << 0;
        QTest::newRow("dint3_int8") << QByteArray("dint3_int8") << QByteArray("dint3") << 0;
        QTest::newRow("dgq_int4_int8") << QByteArray("dgq_int4_int8") << QByteArray("int4") << 64;
    }
    void randomCodes() {
        QFETCH(QByteArray, unit);
        QFETCH(QByteArray, format);
        QFETCH(int, group);
        std::mt19937 random(3);
        const auto below = [&](int count) { return int(random() % unsigned(count)); };
        Product product;
        product.grid = &find_format(format.toStdString())->grid;
        product.outputs = 64;
        product.inputs = 1024;
        product.tokens = 16;
        product.group = group;
        const std::int64_t groups = group > 0 ? product.inputs / group : 1;
        for (std::int64_t i = 0; i < product.outputs * product.inputs; ++i)
            product.codes.push_back(static_cast<std::uint8_t>(below(product.grid->code_count())));
        for (std::int64_t i = 0; i < product.tokens * product.inputs; ++i)
            product.input_values.push_back(static_cast<std::int8_t>(below(256) - 128));
        for (std::int64_t i = 0; i < product.outputs * groups; ++i) {
            product.zero.push_back(static_cast<float>(below(product.grid->levels)));
            product.group_scale.push_back(static_cast<std::int8_t>(1 + below(8))); // keeps every code within INT8
        }
        const std::vector<std::int32_t> expected = sums_of(product);
        const auto simulated = simulated_unit(unit.toStdString());
        for (std::int64_t output = 0; output < product.outputs; ++output)
            for (std::int64_t token = 0; token < product.tokens; ++token) {
                const auto constants = [&](std::int64_t channel) { // of the group that the channel is in
                    const auto block = std::size_t(output * groups + (group > 0 ? channel / group : 0));
                    const int zero = static_cast<int>(product.zero[block]);
                    return static_cast<std::uint16_t>(group > 0 ? product.group_scale[block] << 4 | zero : zero & 0xf);
                };
                simulated->clock({0, 0, constants(0), true, true});
                std::uint32_t bits = 0;
                for (std::int64_t k = 0; k < product.inputs; ++k) {
                    const std::int64_t next = std::min(k + 1, product.inputs - 1);
                    bits = simulated->clock(
                        {product.codes[std::size_t(output * product.inputs + k)],
                         static_cast<std::uint8_t>(product.input_values[std::size_t(token * product.inputs + k)]),
                         constants(next), k == 0, true});
                }
                QCOMPARE(static_cast<std::int32_t>(bits) + epilogue(product, output, token),
                         expected[std::size_t(token * product.outputs + output)]);
            }
    }
};

GRATICULE_TEST(TestRtlIntegerRow);
#include "tst_integer_row.moc"
