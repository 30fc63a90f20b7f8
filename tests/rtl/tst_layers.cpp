// Operands of the sample models through the units, against what the engine's own integers say.
#include <QTest>

#include "tests/rtl/operand_streams.h"
#include "tests/support/test_main.h"

using namespace graticule;
using namespace graticule::testing;

class TestRtlLayers : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void sumsOfSampleModels_data() {
        QTest::addColumn<QByteArray>("unit");
        QTest::addColumn<QByteArray>("recipe");
        QTest::addColumn<QByteArray>("model");
        for (const UnitOperands& row : unit_operands())
            for (const char* model : {"sample-opt", "sample-llama"})
                QTest::newRow(qPrintable(QString::fromStdString(std::string(row.unit) + " " + model)))
                    << QByteArray(row.unit.data(), qsizetype(row.unit.size()))
                    << QByteArray(row.recipe.data(), qsizetype(row.recipe.size())) << QByteArray(model);
    }
    void sumsOfSampleModels() {
        QFETCH(QByteArray, unit);
        QFETCH(QByteArray, recipe);
        QFETCH(QByteArray, model);
        const QuantizedSample sample = quantized_sample(model.toStdString(), recipe.toStdString());
        constexpr std::int64_t terms = 256;
        const auto lanes = operand_lanes(*sample.quantized, *sample.stats, 8, terms);
        QCOMPARE(lanes.size(), sample.quantized->linears.size() * 8);
        const auto simulated = simulated_unit(unit.toStdString());
        for (const OperandLane& lane : lanes) {
            std::uint32_t sum = 0;
            for (const UnitPorts& ports : lane.clocks) sum = simulated->clock(ports);
            QCOMPARE(sum, lane.sum);
        }
    }
};

GRATICULE_TEST(TestRtlLayers);
#include "tst_layers.moc"
