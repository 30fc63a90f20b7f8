// NVFP4, MXFP4 and MXFP8 weights of a whole model against an independent program's
// (../shared/fixtures/perplexity/blockscaled-sample-opt.json; its perplexities: tests/slow/tst_perplexity.cpp).
#include <QtTest/QTest>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/engine/engine.h"
#include "tests/support/shared_data.h"
#include "tests/support/test_main.h"

using namespace graticule;

class TestBlockFormats : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void weight_errors_data() {
        QTest::addColumn<QString>("key");
        QTest::addColumn<QString>("line");
        QTest::newRow("nvfp4") << "nvfp4"
                               << "w=nvfp4";
        QTest::newRow("nvfp4, general form") << "nvfp4"
                                             << "w=fp4_e2m1/g16:e4m3/tensor:f32";
        QTest::newRow("four over six") << "nvfp4 four over six"
                                       << "w=nvfp4/four_over_six";
        QTest::newRow("mxfp4") << "mxfp4"
                               << "w=mxfp4";
        QTest::newRow("mxfp8") << "mxfp8 e4m3"
                               << "w=mxfp8";
    }
    void weight_errors() {
        GRATICULE_NEEDS_SHARED("fixtures/perplexity/blockscaled-sample-opt.json");
        QFETCH(QString, key);
        QFETCH(QString, line);
        std::ifstream file(testing::shared_dir() / "fixtures/perplexity/blockscaled-sample-opt.json");
        const nlohmann::json expected = nlohmann::json::parse(file).at("weight_error").at(key.toStdString());
        JobContext ctx;
        const OpenedModel opened =
            open_model(std::filesystem::path(GRATICULE_SOURCE_DIR) / "resources/samples/sample-opt", ctx);
        Recipe recipe;
        recipe.defaults = parse_scheme_line(line.toStdString());
        const Resolution resolution = resolve(recipe, *opened.model);
        QVERIFY2(resolution.resolved.has_value(), resolution.diagnostics.text().c_str());
        const auto result = quantize(opened.model, nullptr, *resolution.resolved, ctx);
        double largest = 0;
        std::size_t compared = 0;
        for (const Linear& linear : opened.model->linears()) {
            const std::vector<float> weight = to_floats(linear.weight), now = effective_weight(*result, linear.id);
            double error = 0, power = 0;
            for (std::size_t i = 0; i < weight.size(); ++i) {
                error += std::pow(double(now[i]) - double(weight[i]), 2);
                power += std::pow(double(weight[i]), 2);
            }
            const double difference = error / power / expected.at(linear.name).get<double>() - 1;
            largest = std::max(largest, std::fabs(difference));
            ++compared;
        }
        QCOMPARE(compared, expected.size());
        qInfo("largest relative difference of %zu weight errors: %.2g", compared, largest);
        QVERIFY2(largest <= 1e-5, std::to_string(largest).c_str());
    }
};

GRATICULE_TEST(TestBlockFormats);
#include "tst_block_formats.moc"
