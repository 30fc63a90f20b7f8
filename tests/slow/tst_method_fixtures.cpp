// Searches and losses of every method on the OPT sample against those of independent programs
// (../shared/fixtures/methods, conventions in ../shared/reference/trials.md). Minutes a row.
#include <QtTest/QTest>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/engine/engine.h"
#include "core/method/pipeline.h"
#include "core/runtime/device.h"
#include "tests/support/shared_data.h"
#include "tests/support/test_main.h"

using namespace graticule;

namespace {

struct Outcome {
    std::map<std::string, QuantizedLinear> linears; ///< by short name
    std::vector<SearchTrace> traces;
};

/// Relative differences of many figures: the largest of them by name, and how many are beyond a bound.
class Differences {
public:
    void add(const std::string& name, double actual, double expected) {
        all_.push_back({std::abs(actual / expected - 1), actual / expected - 1, name});
    }
    [[nodiscard]] bool empty() const { return all_.empty(); }
    [[nodiscard]] bool within(double bound) const { return worst().magnitude <= bound; }
    [[nodiscard]] double mean() const {
        double sum = 0;
        for (const One& one : all_) sum += one.relative;
        return sum / double(all_.size());
    }
    [[nodiscard]] std::string text() const {
        char line[200];
        std::snprintf(line, sizeof line, "%zu figures, mean %+.2e, worst %+.2e at %s", all_.size(), mean(),
                      worst().relative, worst().name.c_str());
        return line;
    }

private:
    struct One {
        double magnitude, relative;
        std::string name;
    };
    [[nodiscard]] const One& worst() const {
        return *std::max_element(all_.begin(), all_.end(),
                                 [](const One& a, const One& b) { return a.magnitude < b.magnitude; });
    }
    std::vector<One> all_;
};

template <class T>
double sum_of(const std::vector<T>& values) {
    return std::accumulate(values.begin(), values.end(), 0.0);
}

/// "layers.1.self_attn.out_proj" as the DGQ records say it: "1.out".
std::string dgq_name(const std::string& name) {
    std::string text = name.substr(std::string("layers.").size());
    for (const char* part : {"self_attn.", "_proj"})
        if (const std::size_t at = text.find(part); at != std::string::npos) text.erase(at, std::string(part).size());
    return text;
}

} // namespace

class TestMethodFixtures : public QObject {
    Q_OBJECT

    nlohmann::json fixture_;
    OpenedModel opened_;
    std::shared_ptr<const ActivationStats> stats_;

    Outcome run(const std::string& line) {
        Recipe recipe;
        recipe.defaults = parse_scheme_line(line);
        const Resolution resolution = resolve(recipe, *opened_.model);
        if (!resolution.resolved) throw Error(ErrorKind::bad_input, resolution.diagnostics.text());
        QuantizePipeline pipeline(opened_.model, stats_, choices_of(*resolution.resolved), open_device("cpu"));
        JobContext ctx;
        Outcome outcome;
        for (const Block& block : opened_.model->blocks())
            pipeline.run(block.id, ctx, [&](QuantizedLinear&& linear) {
                const std::string name = linear.report.name;
                outcome.linears.emplace(name, std::move(linear));
            });
        outcome.traces = pipeline.traces();
        return outcome;
    }

private Q_SLOTS:
    void initTestCase() {
        GRATICULE_NEEDS_SHARED("fixtures/methods/sample-opt.json");
        GRATICULE_NEEDS_SHARED("data/wikitext2/wiki.valid.raw");
        std::ifstream file(testing::shared_dir() / "fixtures/methods/sample-opt.json");
        fixture_ = nlohmann::json::parse(file);
        JobContext ctx;
        opened_ = open_model(std::filesystem::path(GRATICULE_SOURCE_DIR) / "resources/samples/sample-opt", ctx);
        CalibrationSpec spec;
        spec.text = (testing::shared_dir() / "data/wikitext2/wiki.valid.raw").string();
        spec.samples = 32;
        spec.length = 512;
        stats_ = calibrate(*opened_.model, *opened_.tokenizer, spec, ctx);
    }

    void gptq_losses_data() {
        QTest::addColumn<QString>("key");
        QTest::addColumn<QString>("line");
        QTest::newRow("g128") << "GPTQ W4 asym g128"
                              << "w=int4/asym/g128 gptq:mode=paper";
        QTest::newRow("channel") << "GPTQ W4 asym channel"
                                 << "w=int4/asym/channel gptq:mode=paper";
        QTest::newRow("3 bits") << "GPTQ W3 asym g128"
                                << "w=int3/asym/g128 gptq:mode=paper";
        QTest::newRow("act-order") << "GPTQ W4 asym g128 actorder static_groups"
                                   << "w=int4/asym/g128 gptq:act_order=true,static_groups=true,mode=paper";
        QTest::newRow("sym") << "GPTQ W4 sym g128"
                             << "w=int4/sym/g128 gptq:range=full,mode=paper";
    }
    void gptq_losses() {
        QFETCH(QString, key);
        QFETCH(QString, line);
        const Outcome outcome = run(line.toStdString());
        Differences first, later, nearest;
        for (const auto& [name, linear] : outcome.linears) {
            const std::string full = "model.decoder." + name;
            (name.starts_with("layers.0.") ? first : later)
                .add(name, *linear.report.search_loss, fixture_["gptq_losses"][key.toStdString()][full].get<double>());
            nearest.add(name, *linear.report.search_loss_before,
                        fixture_["rtn_losses_on_gptq_hessians"][key.toStdString()][full].get<double>());
        }
        qInfo("first block: %s", first.text().c_str());
        qInfo("later blocks: %s", later.text().c_str());
        qInfo("rounding to nearest: %s", nearest.text().c_str());
        // Seen on two kinds of processor: first block 4e-6 to 3.6e-4 at worst, means of later blocks up to 5.1e-3.
        QVERIFY2(first.within(5e-4), first.text().c_str());
        QVERIFY2(std::abs(first.mean()) <= 1e-4, first.text().c_str());
        // One float32 rounding error moves single losses of later blocks by up to 5 % at 4 bits in the published
        // program too, while their mean stays: docs/decisions/0004. A difference of convention would move the mean.
        QVERIFY2(later.within(0.15), later.text().c_str());
        QVERIFY2(std::abs(later.mean()) <= 1e-2, later.text().c_str());
        QVERIFY2(std::abs(nearest.mean()) <= 1e-2, nearest.text().c_str());
    }

    void search_losses_data() {
        QTest::addColumn<QString>("key");
        QTest::addColumn<QString>("line");
        QTest::newRow("aqas channel") << "AQAS W4 asym channel, A8 token asym"
                                      << "w=int4/asym/channel a=int8/asym/token aqas:mode=paper";
        QTest::newRow("aqas dint4 g128") << "AQAS dINT4 g128, A8 token asym"
                                         << "w=dint4/asym/g128 a=int8/asym/token aqas:mode=paper";
        QTest::newRow("awq") << "AWQ W4 asym g128"
                             << "w=int4/asym/g128 awq:mode=paper";
    }
    void search_losses() {
        QFETCH(QString, key);
        QFETCH(QString, line);
        const Outcome outcome = run(line.toStdString());
        QCOMPARE(outcome.traces.size(), 4 * opened_.model->blocks().size());
        Differences least, every;
        const bool awq = key.startsWith("AWQ");
        const nlohmann::json& all = fixture_[awq ? "awq_search" : "aqas_losses"][key.toStdString()];
        for (const SearchTrace& trace : outcome.traces) {
            std::string name = "model.decoder." + trace.site;
            if (awq) {
                const std::size_t dot = name.rfind('.');
                const std::string site = name.substr(dot + 1), block = name.substr(0, dot + 1);
                name = site == "qkv"   ? block + "self_attn.q_proj+self_attn.k_proj+self_attn.v_proj"
                       : site == "out" ? block + "self_attn.out_proj"
                                       : name;
            }
            const nlohmann::json& record = awq ? all[name]["history"] : all[name];
            double best = record[0].get<double>();
            for (const nlohmann::json& loss : record) best = std::min(best, loss.get<double>());
            least.add(name, *std::min_element(trace.losses.begin(), trace.losses.end()), best);
            QCOMPARE(trace.losses.size(), record.size());
            for (std::size_t i = 0; i < trace.losses.size(); ++i)
                every.add(name + " at " + std::to_string(trace.ratios[i]), trace.losses[i], record[i].get<double>());
        }
        qInfo("least losses: %s", least.text().c_str());
        qInfo("all losses: %s", every.text().c_str());
        // With 8-bit inputs a value beside a tie falls to the other code where the processor adds in another order.
        // Seen on two kinds: least losses 2.6e-4 at worst and 4e-6 in the mean, all losses 1.3e-3 and 2.4e-6.
        QVERIFY2(least.within(5e-4), least.text().c_str());
        QVERIFY2(every.within(3e-3), every.text().c_str());
        QVERIFY2(std::abs(least.mean()) <= 2e-5, least.text().c_str());
        QVERIFY2(std::abs(every.mean()) <= 1e-5, every.text().c_str());
    }

    void dgq_objectives_data() {
        QTest::addColumn<QString>("key");
        QTest::addColumn<QString>("line");
        QTest::addColumn<double>("bound");
        QTest::newRow("clean") << "DGQ a clean: W4 g128 dual grain two-phase, A16"
                               << "w=int4/asym/dual128 dgq" << 1e-2;
        QTest::newRow("clean, A8") << "DGQ b clean: W4 g128 dual grain two-phase, A8 token sym"
                                   << "w=int4/asym/dual128 a=int8/sym/token dgq" << 2e-2;
        QTest::newRow("percentile")
            << "DGQ c clean: percentile 0.5%, W4 g128 dual grain two-phase, A8 token sym"
            << "w=int4/asym/dual128 a=int8/sym/token percentile:mode=paper dgq"
            // One column scaled up weighs most in a loss, and where its values fall between codes depends on the
            // order of sums: at the same layer one kind of processor is 5.0 % above, another 2.7 % below.
            << 8e-2;
        QTest::newRow("reference, bfloat16") << "DGQ a reference bf16: W4 g128 dual grain two-phase, A16"
                                             << "w=int4/asym/dual128 dgq:mode=reference"
                                             // Eight bits: ties are common.
                                             << 5e-2;
        QTest::newRow("reference") << "DGQ a reference f32: W4 g128 dual grain two-phase, A16"
                                   << "w=int4/asym/dual128 dgq:mode=reference_f32" << 1e-5;
    }
    void dgq_objectives() {
        QFETCH(QString, key);
        QFETCH(QString, line);
        QFETCH(double, bound);
        const Outcome outcome = run(line.toStdString());
        Differences first, objective, plain, scales;
        for (const auto& [name, linear] : outcome.linears) {
            const nlohmann::json& record = fixture_["dgq_checks"][key.toStdString()][dgq_name(name)];
            const double expected = record["two-phase"].get<double>();
            objective.add(name, *linear.report.search_loss, expected);
            if (name.starts_with("layers.0.")) first.add(name, *linear.report.search_loss, expected);
            if (record.contains("plain round of RTN"))
                plain.add(name, *linear.report.search_loss_before, record["plain round of RTN"].get<double>());
            scales.add(name + " S2", sum_of(fine_scales(linear.params, linear.codes.columns())),
                       record["S2sum"].get<double>());
            scales.add(name + " z", sum_of(linear.params.zero), record["Zsum"].get<double>());
            scales.add(name + " s1", sum_of(linear.params.coarse->scale), record["s1sum"].get<double>());
        }
        qInfo("first block: %s", first.text().c_str());
        qInfo("objective: %s", objective.text().c_str());
        if (!plain.empty()) qInfo("plain rounding: %s", plain.text().c_str());
        qInfo("sums of scales: %s", scales.text().c_str());
        QVERIFY2(first.within(2e-3), first.text().c_str());
        QVERIFY2(objective.within(bound), objective.text().c_str());
        QVERIFY2(std::abs(objective.mean()) <= 5e-3, objective.text().c_str()); // see gptq_losses
        QVERIFY2(scales.within(std::min(bound, 1e-2)), scales.text().c_str());
    }
};

GRATICULE_TEST(TestMethodFixtures);
#include "tst_method_fixtures.moc"
