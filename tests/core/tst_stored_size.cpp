// One formula for sizes: what resolve expects is what the quantized model holds, for every format, grain, coding,
// method and kept share; and both are what counting the held numbers one by one gives.
#include <QtTest/QTest>
#include <cmath>

#include "core/engine/engine.h"
#include "core/method/method.h"
#include "core/recipe/presets.h"
#include "tests/support/short_calibration.h"
#include "tests/support/test_main.h"

using namespace graticule;

namespace {

/// Bits of one linear, from what is there: codes, scales, zero points, kept columns, low-rank factors.
double bits_held(const QuantizedLinear& linear, const Linear& shape) {
    const TensorScheme& scheme = *linear.choice.scheme.weight;
    const QParams& params = linear.params;
    const auto kept = std::ssize(linear.kept_channels);
    double bits = double(shape.out_features() * (shape.in_features() - kept) * scheme.format->bits);
    bits += double(params.scale.size()) * row_of(scheme.levels[0].coding).bits;
    if (params.coarse) bits += double(params.coarse->scale.size()) * row_of(scheme.levels[1].coding).bits;
    if (!scheme.symmetric)
        bits += double(params.zero.size()) * (scheme.zero_coding == ZeroCoding::i8 ? 8 : scheme.format->bits);
    const auto half = [](const HostTensor& tensor) { return 16.0 * double(element_count(tensor.shape)); };
    if (kept > 0) bits += half(linear.kept_columns);
    if (linear.low_rank) bits += half(linear.low_rank->a) + half(linear.low_rank->b);
    return bits;
}

} // namespace

class TestStoredSize : public QObject {
    Q_OBJECT

    OpenedModel opened_;
    std::shared_ptr<const ActivationStats> stats_;

    /// Two linears of different shapes, so that a case takes little; the others stay as they are.
    void check(const std::string& line) {
        Recipe recipe;
        for (const char* name : {"layers.0.fc2", "layers.0.self_attn.q_proj"})
            recipe.rules.push_back({name, false, parse_scheme_line(line)});
        // What reads one input is scaled together.
        if (line.find("smoothquant") != std::string::npos || line.find("awq") != std::string::npos ||
            line.find("aqas") != std::string::npos || line.find("percentile") != std::string::npos)
            recipe.rules.back().pattern = "layers.0.*";
        const Resolution found = resolve(recipe, *opened_.model);
        QVERIFY2(found.resolved.has_value(), found.diagnostics.text().c_str());
        JobContext ctx;
        const auto result = quantize(opened_.model, stats_, *found.resolved, ctx);
        const ModelSize size = result->size();
        const bool by_threshold = line.find("threshold") != std::string::npos;
        QCOMPARE(found.resolved->size_is_exact(), !by_threshold);
        if (!by_threshold) QVERIFY2(found.resolved->size() == size, line.c_str());
        std::int64_t bytes = stored_bytes(*opened_.model);
        int quantized_linears = 0;
        for (const Linear& linear : opened_.model->linears()) {
            const auto& held = result->linears[index_of(linear.id)];
            if (!held) continue;
            ++quantized_linears;
            const auto expected = std::int64_t(std::ceil(bits_held(*held, linear) / 8));
            QCOMPARE(packed_bytes(*held, linear), expected);
            QCOMPARE(held->report.bytes_after, expected);
            bytes += expected - linear.stored_bytes;
        }
        QVERIFY(quantized_linears >= 2);
        QCOMPARE(size.bytes, bytes);
    }

private Q_SLOTS:
    void initTestCase() {
        JobContext ctx;
        opened_ = open_model(std::filesystem::path(GRATICULE_SOURCE_DIR) / "resources/samples/sample-opt", ctx);
        stats_ = calibrate(*opened_.model, *opened_.tokenizer, testing::short_calibration(), ctx);
    }

    void formats_and_grains_data() {
        QTest::addColumn<QString>("line");
        for (const QuantFormat& format : all_formats())
            for (const char* grain : {"tensor", "channel", "g64"})
                for (const char* zero : {"/sym/", "/asym/"}) {
                    if (!format.allows_asymmetric && std::string(zero) == "/asym/") continue;
                    const std::string line = "w=" + std::string(format.name) + zero + grain;
                    QTest::newRow(line.c_str()) << QString::fromStdString(line);
                }
        for (const CodingRow& coding : all_codings()) {
            if (coding.coding == Coding::i8) continue; // the dual grain's
            const std::string line = "w=int4/sym/g32:" + std::string(coding.name);
            QTest::newRow(line.c_str()) << QString::fromStdString(line);
        }
        for (const BlockFormat& block : all_block_formats())
            QTest::newRow(std::string(block.name).c_str()) << QString::fromStdString("w=" + std::string(block.name));
        for (const char* line : {"w=int4/asym/dual64", "w=int4/asym:i8/g64:f16", "w=nvfp4/four_over_six",
                                 "w=fp4_e2m1/g16:e4m3/channel:bf16", "w=int4/asym/g32:f16/g128:f32"})
            QTest::newRow(line) << line;
    }
    void formats_and_grains() {
        QFETCH(QString, line);
        check(line.toStdString());
    }

    void every_method_data() {
        QTest::addColumn<QString>("line");
        for (const MethodRow& row : all_methods()) {
            const std::string line = "w=int4/asym/g64 " + std::string(row.name);
            QTest::newRow(line.c_str()) << QString::fromStdString(line);
        }
        for (const char* extra : {"keep:percent=0", "keep:percent=0.1", "keep:percent=1", "keep:percent=33.3",
                                  "keep:percent=100", "keep:rule=threshold,threshold=0.5", "lorc:rank=1",
                                  "lorc:rank=64", "lorc:rank=4096", "keep:percent=5 lorc:rank=3"}) {
            const std::string line = "w=int3/asym/channel " + std::string(extra);
            QTest::newRow(extra) << QString::fromStdString(line);
        }
    }
    void every_method() {
        QFETCH(QString, line);
        check(line.toStdString());
    }

    void an_untied_head_counts() { // a rotated residual stream takes a tied head from the embedding
        JobContext ctx;
        const OpenedModel llama =
            open_model(std::filesystem::path(GRATICULE_SOURCE_DIR) / "resources/samples/sample-llama", ctx);
        Recipe recipe;
        recipe.defaults = parse_scheme_line("w=int4/sym/g64 hadamard:residual=true");
        const Resolution found = resolve(recipe, *llama.model);
        QVERIFY2(found.resolved.has_value(), found.diagnostics.text().c_str());
        const auto result = quantize(llama.model, nullptr, *found.resolved, ctx);
        QVERIFY(found.resolved->size() == result->size());
        recipe.defaults = parse_scheme_line("w=int4/sym/g64");
        const std::int64_t more = result->size().bytes - resolve(recipe, *llama.model).resolved->size().bytes;
        const Model::Parts& parts = llama.model->parts();
        QCOMPARE(more, parts.head ? 0 : std::int64_t(parts.embedding.bytes.size()));
    }
    void what_is_not_quantized_stays() {
        const Resolution found = resolve(Recipe{}, *opened_.model);
        QVERIFY(found.resolved.has_value());
        QCOMPARE(found.resolved->size().bytes, stored_bytes(*opened_.model));
        QCOMPARE(found.resolved->size().bits_per_weight.actual, stored_bits_per_weight(*opened_.model));
    }
};

GRATICULE_TEST(TestStoredSize);
#include "tst_stored_size.moc"
