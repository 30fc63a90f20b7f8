// The units against the engine's integer products (kernels/api/gemm.h): whole outputs of the sample models' linears,
// the int32 sums of the CPU's reference row.
#include <QTest>

#include "kernels/api/gemm.h"
#include "tests/rtl/operand_streams.h"
#include "tests/support/test_main.h"

using namespace graticule;
using namespace graticule::testing;

namespace {

/// Integer sums (tokens, outputs) of one linear, and the sums of the inputs.
struct RowSums {
    std::vector<std::int32_t> sums, input_sums;
};

RowSums sums_of(const QuantizedLinear& linear, const Linear& shape, const std::vector<std::uint8_t>& input_codes) {
    const TensorScheme& scheme = *linear.choice.scheme.weight;
    const bool dual = linear.params.coarse.has_value();
    GemmProblem problem;
    problem.outputs = shape.out_features();
    problem.inputs = shape.in_features();
    problem.tokens = std::int64_t(input_codes.size()) / problem.inputs;
    problem.grid = &scheme.format->grid;
    problem.grain = dual ? GemmGrain::dual : GemmGrain::channel;
    problem.group = dual ? scheme.grain().group_size : 0;
    problem.output = ValueType::i32;
    std::vector<std::int8_t> values;
    RowSums found;
    found.input_sums.assign(std::size_t(problem.tokens), 0);
    for (std::size_t i = 0; i < input_codes.size(); ++i) {
        values.push_back(static_cast<std::int8_t>(input_codes[i] - 128));
        found.input_sums[i / std::size_t(problem.inputs)] += values.back();
    }
    const std::vector<float> token_scale(std::size_t(problem.tokens), 1.0F);
    GemmWeights weights;
    const std::vector<std::uint8_t> codes = linear.codes.unpack();
    weights.codes = {codes.data(), problem.outputs, problem.inputs};
    std::vector<std::int8_t> group_scale;
    if (dual)
        for (const float whole : fine_scales(linear.params, problem.inputs))
            group_scale.push_back(static_cast<std::int8_t>(whole));
    weights.scale = dual ? linear.params.coarse->scale.data() : linear.params.scale.data();
    weights.zero = linear.params.zero.data();
    weights.group_scale = dual ? group_scale.data() : nullptr;
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
    found.sums.resize(std::size_t(problem.tokens * problem.outputs));
    row.run(problem, aligned(packed), {values.data(), token_scale.data(), nullptr, found.input_sums.data()},
            {found.sums.data(), problem.outputs}, aligned(workspace), {});
    return found;
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
    // The row's sum is free of the zero point; a unit's is not, unless it expands groups: the difference is the
    // epilogue's.
    void wholeOutputs() {
        QFETCH(QByteArray, unit);
        QFETCH(QByteArray, recipe);
        QFETCH(QByteArray, model);
        const QuantizedSample sample = quantized_sample(model.toStdString(), recipe.toStdString());
        const auto simulated = simulated_unit(unit.toStdString());
        const auto lanes = operand_lanes(*sample.quantized, *sample.stats, 4, 0);
        LayerId at{-1};
        RowSums rows;
        for (const OperandLane& lane : lanes) {
            const QuantizedLinear& linear = *sample.quantized->linears.at(index_of(lane.layer));
            const Linear& shape = sample.quantized->base->linear(lane.layer);
            if (lane.layer != at)
                rows = sums_of(
                    linear, shape,
                    input_codes(*linear.choice.scheme.input, sample.stats->sites.at(index_of(shape.site)).kept_rows));
            at = lane.layer;
            std::uint32_t bits = 0;
            for (const UnitPorts& ports : lane.clocks) bits = simulated->clock(ports);
            const CodeGrid& grid = linear.choice.scheme.weight->format->grid;
            const bool expands = linear.params.coarse.has_value();
            const auto zero = static_cast<std::int32_t>(linear.params.zero[std::size_t(lane.row)]);
            const std::int32_t epilogue = expands ? 0
                                                  : integer_codes(grid).factor * (grid.levels / 2 - zero) *
                                                        rows.input_sums[std::size_t(lane.token)];
            QCOMPARE(static_cast<std::int32_t>(bits) + epilogue,
                     rows.sums[std::size_t(lane.token * shape.out_features() + lane.row)]);
        }
        QCOMPARE(lanes.size(), sample.quantized->linears.size() * 4);
    }
};

GRATICULE_TEST(TestRtlIntegerRow);
#include "tst_integer_row.moc"
