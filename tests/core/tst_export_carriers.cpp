// Carriers: what a container of plain integers holds must be the quantized weight bit for bit. The expectation is the
// back end's own dequantization, which knows nothing of carriers.
#include <QTest>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/export/carrier.h"
#include "core/export/ct_config.h"
#include "core/recipe/recipe.h"
#include "kernels/api/backends.h"
#include "tests/support/test_main.h"

using namespace graticule;

namespace {

constexpr std::int64_t rows = 24, columns = 96;

std::vector<float> values() {
    std::vector<float> all;
    std::uint32_t state = 12345;
    for (std::int64_t i = 0; i < rows * columns; ++i) {
        state = state * 1664525U + 1013904223U;
        const float uniform = static_cast<float>(state >> 8) / 16777216.0F - 0.4F;
        all.push_back(uniform * uniform * uniform * (i % 37 == 0 ? 9.0F : 1.0F));
    }
    return all;
}

struct Made {
    Linear shape;
    QuantizedLinear linear;
    std::vector<float> expected;
};

Made make(const std::string& line) {
    Made made;
    made.shape.short_name = "layers.0.fc1";
    made.shape.weight = HostTensor::from_floats(values(), {rows, columns});
    made.linear.choice = parse_scheme_line(line);
    const TensorScheme& scheme = *made.linear.choice.scheme.weight;
    const std::vector<float> weight = values();
    const MatrixView<const float> view(weight.data(), rows, columns);
    QParams& params = made.linear.params;
    params.layout = layout_of(scheme.grain(), rows, columns);
    const auto blocks = static_cast<std::size_t>(params.layout.count(rows, columns));
    params.scale.resize(blocks);
    params.zero.resize(blocks);
    ScaleOptions options;
    options.rule = scheme.symmetric ? ScaleRule::symmetric_absmax : ScaleRule::asymmetric_through_zero;
    const Backend& backend = cpu_backend();
    const CodeGrid& grid = scheme.format->grid;
    backend.find_scales(view, params.layout, grid, options, params.scale.data(), params.zero.data(), {});
    std::vector<std::uint8_t> codes(weight.size());
    backend.quantize(view, params.layout, grid, params.scale.data(), params.zero.data(), {codes.data(), rows, columns},
                     nullptr, {});
    made.linear.codes = PackedCodes::pack(codes, rows, columns, scheme.format->bits);
    made.expected.resize(weight.size());
    backend.dequantize({codes.data(), rows, columns}, params.layout, grid, params.scale.data(), params.zero.data(),
                       {made.expected.data(), rows, columns}, {});
    return made;
}

} // namespace

class TestExportCarriers : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void carriedWeightsAreIdentical_data() {
        QTest::addColumn<QString>("line");
        QTest::addColumn<QString>("format");
        QTest::addColumn<int>("bits");
        QTest::newRow("int4 group") << "w=int4/asym/g32"
                                    << "pack-quantized" << 4;
        QTest::newRow("int4 symmetric channel") << "w=int4/sym/channel"
                                                << "pack-quantized" << 4;
        QTest::newRow("int3 tensor becomes channel") << "w=int3/asym/tensor"
                                                     << "pack-quantized" << 3;
        QTest::newRow("int8 weight only is packed") << "w=int8/sym/channel"
                                                    << "pack-quantized" << 8;
        QTest::newRow("w8a8") << "w=int8/sym/channel a=int8/sym/token"
                              << "int-quantized" << 8;
        QTest::newRow("w8a8 asymmetric") << "w=int8/asym/channel a=int8/sym/token"
                                         << "int-quantized" << 8;
        QTest::newRow("w4a8") << "w=int4/sym/g32 a=int8/sym/token"
                              << "pack-quantized" << 4;
        QTest::newRow("dint4") << "w=dint4/asym/channel"
                               << "pack-quantized" << 6;
        QTest::newRow("dint4 group") << "w=dint4/asym/g32"
                                     << "pack-quantized" << 6;
        QTest::newRow("dint4 a8 is an int8 product") << "w=dint4/asym/channel a=int8/sym/token"
                                                     << "int-quantized" << 8;
        QTest::newRow("dint4 group a8") << "w=dint4/asym/g32 a=int8/sym/token"
                                        << "pack-quantized" << 6;
        QTest::newRow("dint3") << "w=dint3/asym/channel"
                               << "pack-quantized" << 5;
        QTest::newRow("fp8") << "w=fp8_e4m3/sym/channel"
                             << "float-quantized" << 8;
    }
    void carriedWeightsAreIdentical() {
        QFETCH(QString, line);
        QFETCH(QString, format);
        QFETCH(int, bits);
        const Made made = make(line.toStdString());
        const CtVerdict verdict = ct_verdict(made.linear.choice);
        QCOMPARE(QString::fromStdString(verdict.problem), QString());
        QCOMPARE(QString::fromStdString(verdict.form.format), format);
        QCOMPARE(verdict.form.carrier.bits, bits);
        const CarriedWeight weight = carry(made.linear, made.shape, verdict.form.carrier);
        const std::vector<float> read = decode(weight, verdict.form.carrier);
        QCOMPARE(read.size(), made.expected.size());
        for (std::size_t i = 0; i < read.size(); ++i)
            if (read[i] != made.expected[i])
                QFAIL(qPrintable(QString("value %1: %2 for %3").arg(i).arg(read[i]).arg(made.expected[i])));
    }

    void whatCannotBeHeldSaysTheWayOut_data() {
        QTest::addColumn<QString>("line");
        QTest::addColumn<QString>("says");
        QTest::newRow("activation groups") << "w=int4/sym/g32 a=int4/sym/g32"
                                           << "a=int8/sym/token";
        QTest::newRow("dint activations") << "w=int4/sym/g32 a=dint4/sym/token"
                                          << "a=int8/sym/token";
        QTest::newRow("wide dint") << "w=dint8/asym/channel"
                                   << "dint6 or narrower";
        QTest::newRow("fp4") << "w=fp4_e2m1/sym/channel"
                             << "integer format";
        QTest::newRow("activations alone") << "a=int8/sym/token"
                                           << "not the weights";
        QTest::newRow("integers and floats") << "w=int4/sym/g32 a=fp8_e4m3/sym/token"
                                             << "a=int8/sym/token";
    }
    void whatCannotBeHeldSaysTheWayOut() {
        QFETCH(QString, line);
        QFETCH(QString, says);
        const QString problem = QString::fromStdString(ct_verdict(parse_scheme_line(line.toStdString())).problem);
        QVERIFY2(problem.contains(says), qPrintable(problem));
    }

    void whatAConfigAsksOfInputs_data() {
        QTest::addColumn<QString>("groups"); // input_activations, one a group, as llm-compressor writes them
        QTest::addColumn<bool>("asks");
        QTest::addColumn<QString>("line");
        const QString token = R"({"num_bits":8,"type":"int","symmetric":true,"strategy":"token","dynamic":true})";
        const QString fixed = R"({"num_bits":8,"type":"int","symmetric":false,"strategy":"tensor","dynamic":false})";
        const QString fp8 = R"({"num_bits":8,"type":"float","symmetric":true,"strategy":"tensor","dynamic":true})";
        const QString groups = R"({"num_bits":4,"type":"float","strategy":"tensor_group","dynamic":"local"})";
        QTest::newRow("weights only") << "null" << false << "";
        QTest::newRow("W8A8") << token << true << "a=int8/sym/token";
        QTest::newRow("static") << fixed << true << "a=int8/asym/tensor/static";
        QTest::newRow("FP8") << fp8 << true << "a=fp8_e4m3/sym/tensor";
        QTest::newRow("two groups, of which nobody knows that they are all") << token + ";" + token << true << "";
        QTest::newRow("what it should not be") << R"({"num_bits":"8","type":null,"strategy":null})" << true << "";
        QTest::newRow("NVFP4, which the notation lacks") << groups << true << "";
    }
    void whatAConfigAsksOfInputs() {
        QFETCH(QString, groups);
        QFETCH(bool, asks);
        QFETCH(QString, line);
        nlohmann::json config = {{"config_groups", nlohmann::json::object()}};
        for (const QString& group : groups.split(';'))
            config["config_groups"]["group_" + std::to_string(config["config_groups"].size())] = {
                {"targets", {"Linear"}}, {"input_activations", nlohmann::json::parse(group.toStdString())}};
        config["ignore"] = {"lm_head"};
        StoredQuantization stored;
        read_ct_inputs(config, stored);
        QCOMPARE(stored.quantizes_inputs, asks);
        QCOMPARE(QString::fromStdString(stored.input_line), line);
        if (line.isEmpty()) return;
        QCOMPARE(to_line(parse_scheme_line(stored.input_line)), stored.input_line);

        // A recipe for all layers would be another model's where some are left out.
        for (const auto& [key, value] : {std::pair<const char*, nlohmann::json>{"ignore", {"model.layers.0.fc2"}},
                                         {"config_groups", {{"group_0", config["config_groups"]["group_0"]}}}}) {
            nlohmann::json partial = config;
            partial[key] = value;
            if (partial[key].is_object()) partial[key]["group_0"]["targets"] = {"re:.*self_attn.*"};
            StoredQuantization some;
            read_ct_inputs(partial, some);
            QVERIFY(some.quantizes_inputs);
            QCOMPARE(some.input_line, std::string());
        }
    }

    void aZeroPointThatDoesNotFitNamesTheLayer() {
        Made made = make("w=int4/asym/g32");
        made.linear.params.zero[3] = 16;
        try {
            (void)carry(made.linear, made.shape, ct_verdict(made.linear.choice).form.carrier);
            QFAIL("a zero point of 16 was carried in 4 bits");
        } catch (const Error& error) {
            QCOMPARE(error.info().kind, ErrorKind::unsupported);
            QVERIFY2(QString::fromStdString(error.info().message).startsWith("layers.0.fc1: the zero point 16"),
                     error.what());
        }
    }
};

GRATICULE_TEST(TestExportCarriers);
#include "tst_export_carriers.moc"
