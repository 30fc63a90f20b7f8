// LoRC against NumPy (tests/reference/make_lorc.py): the error that is left is the least that any matrix of that rank
// leaves, by Eckart and Young.
#include <QtTest/QTest>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/engine/engine.h"
#include "tests/support/test_main.h"

using namespace graticule;

namespace {

double norm(const std::vector<float>& values) {
    double sum = 0;
    for (const float value : values) sum += double(value) * double(value);
    return std::sqrt(sum);
}

double distance(const std::vector<float>& a, const std::vector<float>& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += (double(a[i]) - double(b[i])) * (double(a[i]) - double(b[i]));
    return std::sqrt(sum);
}

} // namespace

class TestLowRank : public QObject {
    Q_OBJECT

    std::map<std::string, OpenedModel> models_;
    nlohmann::json cases_;

private Q_SLOTS:
    void initTestCase() {
        const std::filesystem::path source = GRATICULE_SOURCE_DIR;
        cases_ = nlohmann::json::parse(std::ifstream(source / "tests/reference/lorc.json")).at("cases");
        JobContext ctx;
        for (const char* name : {"sample-opt", "sample-llama"})
            models_[name] = open_model(source / "resources/samples" / name, ctx);
    }
    void leaves_the_least_error_data() {
        QTest::addColumn<int>("index");
        for (int i = 0; i < int(cases_.size()); ++i)
            QTest::addRow("%s %d bits rank %d", cases_[i]["tensor"].get<std::string>().c_str(),
                          cases_[i]["bits"].get<int>(), cases_[i]["rank"].get<int>())
                << i;
    }
    void leaves_the_least_error() {
        QFETCH(int, index);
        const nlohmann::json& expected = cases_[index];
        const Model& model = *models_.at(expected["sample"].get<std::string>()).model;
        std::string name = expected["tensor"].get<std::string>();
        name.resize(name.size() - std::string(".weight").size());
        const LayerId layer = *model.find_linear(name);
        const std::string scheme = "w=int" + std::to_string(expected["bits"].get<int>()) + "/asym/channel";
        const auto quantized = [&](const std::string& line) {
            Recipe recipe;
            recipe.defaults = parse_scheme_line("none");
            recipe.rules.push_back({model.linear(layer).short_name, false, parse_scheme_line(line)});
            const Resolution resolution = resolve(recipe, model);
            if (!resolution.resolved) throw Error(ErrorKind::bad_input, resolution.diagnostics.text());
            JobContext ctx;
            return quantize(models_.at(expected["sample"].get<std::string>()).model, nullptr, *resolution.resolved,
                            ctx);
        };
        const int rank = expected["rank"].get<int>();
        const auto plain = quantized(scheme), more = quantized(scheme + " lorc:rank=" + std::to_string(rank));
        const std::vector<float> weight = to_floats(model.linear(layer).weight);
        const std::vector<float> rounded = effective_weight(*plain, layer), better = effective_weight(*more, layer);
        const auto near = [](double found, double wanted, double relative) {
            return std::abs(found - wanted) <= relative * wanted;
        };
        const double left = distance(better, weight), least = expected["least_error"].get<double>();
        QVERIFY(near(distance(rounded, weight), expected["error"].get<double>(), 1e-5));
        // The factors have 16 bits.
        QVERIFY2(near(left, least, 2e-5) && left > least * (1 - 1e-6), std::to_string(left / least - 1).c_str());
        QVERIFY(near(distance(better, rounded), expected["product"].get<double>(), 1e-3));
        const LowRank& factors = *more->linears[index_of(layer)]->low_rank;
        QCOMPARE(factors.a.shape, (Shape{model.linear(layer).out_features(), rank}));
        QCOMPARE(factors.b.shape, (Shape{rank, model.linear(layer).in_features()}));
        QVERIFY(near(norm(to_floats(factors.a)), expected["factor"].get<double>(), 1e-3));
        QVERIFY(near(norm(to_floats(factors.b)), expected["factor"].get<double>(), 1e-3));
    }
};

GRATICULE_TEST(TestLowRank);
#include "tst_low_rank.moc"
