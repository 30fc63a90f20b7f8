// Every exporter x family x format: what `check` accepts is written, opened again, and has the same logits bit for bit;
// what it refuses it refuses in a sentence that names the layer, or the model, and the way out.
#include <QTest>

#include <algorithm>
#include <map>

#include "core/engine/engine.h"
#include "core/engine/export.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_main.h"
#include "tests/support/tiny_model.h"

using namespace graticule;
using graticule::testing::TemporaryFolder;
using graticule::testing::TinyModel;
using graticule::testing::TinyShape;

namespace {

std::vector<std::string> recipes() {
    std::vector<std::string> all;
    for (int bits = 2; bits <= 8; ++bits)
        for (const char* rest : {"sym/g32:f16", "asym/g32:f16", "asym/channel:f16", "sym/channel", "asym/g32"})
            all.push_back("w=int" + std::to_string(bits) + "/" + rest);
    for (int bits = 3; bits <= 8; ++bits)
        for (const char* rest : {"asym/g32:f16", "sym/channel:f16", "asym/channel"})
            all.push_back("w=dint" + std::to_string(bits) + "/" + rest);
    for (const char* line :
         {"w=int4/sym/tensor:f16", "w=int4/asym/g16:f16", "w=int4/sym/g32:bf16", "w=int4/asym/g32:e4m3",
          "w=int5/asym/g32:e4m3", "w=int3/sym/g32:e8m0", "w=int4/asym/dual32", "w=int4/asym/dual32:f16",
          "w=int4/asym/dual32:bf16", "w=mxfp4", "w=nvfp4", "w=mxfp8", "w=fp8_e4m3/sym/channel",
          "w=fp4_e2m1/sym/g32:f16", "w=fp8_e5m2/sym/channel", "w=int8/sym/channel a=int8/sym/token",
          "w=int4/sym/g32:f16 a=int8/sym/token", "w=int4/asym/dual32 a=int8/sym/token",
          "w=int4/asym/dual32:f16 a=int8/sym/token"})
        all.emplace_back(line);
    return all;
}

std::shared_ptr<const Model> open_quietly(const std::filesystem::path& path) {
    JobContext ctx;
    return open_model(path, ctx).model;
}

HostTensor some_logits(const std::shared_ptr<const Model>& model, std::shared_ptr<const QuantizedModel> quantized) {
    std::vector<std::int32_t> ids;
    for (int i = 0; i < 24; ++i) ids.push_back((i * 7 + 3) % 40);
    JobContext ctx;
    return logits(model, std::move(quantized), {ids}, ctx);
}

/// Weights alone: what the exported file holds, whatever its inputs are rounded to at run time.
std::string weights_alone(const std::string& recipe) { return recipe.substr(0, recipe.find(" a=")); }

/// One model with what it is quantized to by every recipe, made when it is first asked for.
class Quantizer {
public:
    Quantizer(const std::string& family, const TinyShape& shape) {
        TinyModel(family, shape).write(folder_.path());
        model_ = open_quietly(folder_.path());
    }
    explicit Quantizer(const std::filesystem::path& model)
        : model_(open_quietly(model)) {}
    [[nodiscard]] const std::shared_ptr<const Model>& model() const { return model_; }
    [[nodiscard]] std::optional<ResolvedRecipe> resolved(const std::string& recipe) const {
        return resolve(read_recipe(recipe), *model_).resolved;
    }
    const std::shared_ptr<const QuantizedModel>& quantized(const std::string& recipe) {
        auto& result = results_[recipe];
        JobContext ctx;
        if (!result) result = quantize(model_, nullptr, *resolved(recipe), ctx);
        return result;
    }
    const HostTensor& expected(const std::string& recipe) {
        HostTensor& result = logits_[recipe];
        if (result.empty()) result = some_logits(model_, quantized(weights_alone(recipe)));
        return result;
    }

private:
    TemporaryFolder folder_;
    std::shared_ptr<const Model> model_;
    std::map<std::string, std::shared_ptr<const QuantizedModel>> results_;
    std::map<std::string, HostTensor> logits_;
};

/// What the containers' own terms do not hold to the last bit: NVFP4's scale of the tensor as a divisor, and the product
/// of the dual grain's two scales where the channel's is float32 (docs/formats.md).
bool rounds_once(const Exporter& exporter, const std::string& recipe) {
    return exporter.name == "compressed-tensors" &&
           (recipe == "w=nvfp4" || recipe.starts_with("w=int4/asym/dual32 a="));
}

/// GGUF holds what scales rotary angles in float32.
bool rounds_angles(const Exporter& exporter, const Model& model) {
    const RopeConfig::Type type = model.config().rope.type;
    return exporter.name == "gguf" && type != RopeConfig::Type::none && type != RopeConfig::Type::standard;
}

/// What is wrong, or nothing. `written`: whether the exporter took it. `allowed`: of the logits, beyond what the
/// container rounds.
std::string trip(Quantizer& quantizer, const Exporter& exporter, const std::string& recipe, bool& written,
                 double allowed = 0) {
    written = false;
    const auto resolved = quantizer.resolved(recipe);
    if (!resolved) return {}; // groups that do not divide the layers are no matter of the exporter
    const Diagnostics found = exporter.check(*quantizer.model(), choices_of(*resolved), {});
    for (const Diagnostic& item : found.items)
        if (item.severity == Severity::error && item.text.find_first_of(";.") == std::string::npos)
            return "a refusal without a way out: " + item.text;
    if (found.has_errors()) return {};
    written = true;
    const TemporaryFolder parent;
    JobContext ctx;
    // llama.cpp wants Gemma's norms plus one: that sum is rounded.
    const bool plus_one = exporter.name == "gguf" && quantizer.model()->config().norm == NormKind::rms_plus_one;
    try {
        const Exported exported = export_model(*quantizer.quantized(recipe), exporter, {parent / "out"}, {}, ctx);
        if (exported.reload.largest_relative > (plus_one ? 1e-5 : 2e-7))
            return exported.reload.worst + " differs by " + std::to_string(exported.reload.largest_relative);
    } catch (const Error& error) {
        return error.info().message;
    }
    if (found.text().find("has no sliding window") != std::string::npos) return {}; // said: longer texts differ there
    const HostTensor got = some_logits(open_quietly(parent / "out"), nullptr);
    const HostTensor& meant = quantizer.expected(recipe);
    if (std::ranges::equal(got.bytes, meant.bytes)) return {};
    double largest = 0;
    const std::vector<float> a = to_floats(got), b = to_floats(meant);
    for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::fabs(double(a[i]) - double(b[i])));
    if ((plus_one || rounds_once(exporter, recipe) || rounds_angles(exporter, *quantizer.model())) && largest < 1e-4)
        return {};
    if (largest < allowed) return {};
    return "the logits differ by " + std::to_string(largest);
}

} // namespace

class TestExportRoundTrips : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void every_exporter_family_and_format_data() {
        QTest::addColumn<QString>("family");
        for (const std::string& family : TinyModel::families()) QTest::newRow(family.c_str()) << family.c_str();
    }
    void every_exporter_family_and_format() {
        QFETCH(QString, family);
        Quantizer quantizer(family.toStdString(), {});
        std::string problems;
        for (const Exporter& exporter : all_exporters())
            for (const std::string& recipe : recipes()) {
                bool written = false;
                const std::string problem = trip(quantizer, exporter, recipe, written);
                if (!problem.empty()) problems += "\n" + std::string(exporter.name) + ", " + recipe + ": " + problem;
            }
        QVERIFY2(problems.empty(), problems.c_str());
    }

    /// How many of them there are, so that a check that refuses everything does not pass.
    void what_is_written_data() {
        QTest::addColumn<QString>("exporter");
        QTest::addColumn<QString>("family");
        QTest::addColumn<int>("at_least");
        const auto row = [](const char* exporter, const char* family, int at_least) {
            QTest::addRow("%s %s", exporter, family) << exporter << family << at_least;
        };
        row("compressed-tensors", "llama", 40);
        row("gptq", "llama", 12);
        row("awq", "llama", 3);
        for (const char* family : {"llama", "mistral", "qwen2", "qwen3", "gemma2", "phi3", "gpt2"})
            row("gguf", family, 30);
    }
    void what_is_written() {
        QFETCH(QString, exporter);
        QFETCH(QString, family);
        QFETCH(int, at_least);
        const Quantizer quantizer(family.toStdString(), {});
        int written = 0;
        for (const std::string& recipe : recipes())
            if (const auto resolved = quantizer.resolved(recipe))
                written += exporter_named(exporter.toStdString())
                                   .check(*quantizer.model(), choices_of(*resolved), {})
                                   .has_errors()
                               ? 0
                               : 1;
        QVERIFY2(written >= at_least, std::to_string(written).c_str());
    }

    void other_sizes_data() {
        QTest::addColumn<QString>("family");
        QTest::addColumn<QList<int>>("sizes"); // hidden, intermediate, heads, key-value heads
        for (const char* family : {"llama", "phi3", "gpt2", "gemma2", "opt"}) {
            QTest::addRow("%s, tiny", family) << family << QList<int>{32, 32, 1, 1};
            QTest::addRow("%s, odd widths", family) << family << QList<int>{36, 52, 2, 1};
            QTest::addRow("%s, superblocks", family) << family << QList<int>{256, 512, 4, 2};
        }
    }
    void other_sizes() {
        QFETCH(QString, family);
        QFETCH(QList<int>, sizes);
        Quantizer quantizer(family.toStdString(), {sizes[0], sizes[1], sizes[2], sizes[3], 1, 40, true, DType::f16});
        std::string problems;
        int count = 0;
        for (const Exporter& exporter : all_exporters())
            for (const char* recipe : {"w=int2/sym/channel:f16", "w=int4/asym/channel:f16", "w=int6/sym/channel:f16",
                                       "w=dint4/sym/channel:f16", "w=int4/asym/dual32:f16", "w=int4/asym/dual128:f16",
                                       "w=dint3/asym/channel", "w=int4/asym/g4"}) {
                bool written = false;
                const std::string problem = trip(quantizer, exporter, recipe, written);
                count += written ? 1 : 0;
                if (!problem.empty()) problems += "\n" + std::string(exporter.name) + ", " + recipe + ": " + problem;
            }
        QVERIFY2(problems.empty(), problems.c_str());
        QVERIFY(count > 0);
    }

    /// Models that transformers saved, mixtures of experts and fused heads among them.
    void saved_by_transformers() {
        GRATICULE_NEEDS_SHARED("fixtures/families");
        std::string problems;
        std::map<std::string_view, int> counts;
        for (const auto& entry :
             std::filesystem::directory_iterator(graticule::testing::shared_dir() / "fixtures/families")) {
            Quantizer quantizer(entry.path());
            for (const Exporter& exporter : all_exporters())
                for (const char* recipe :
                     {"w=dint4/asym/channel:f16", "w=int4/asym/dual16", "w=int3/asym/g8", "w=int4/asym/g32:f16",
                      "w=int4/sym/channel:f16", "w=int8/sym/channel a=int8/sym/token", "w=mxfp4"}) {
                    bool written = false;
                    // Views of files: how a product's sums are cut depends on where its operands begin.
                    const double allowed = exporter.name == "packed" ? 0 : 2e-6;
                    const std::string problem = trip(quantizer, exporter, recipe, written, allowed);
                    counts[exporter.name] += written ? 1 : 0;
                    if (!problem.empty())
                        problems += "\n" + entry.path().filename().string() + ", " + std::string(exporter.name) + ", " +
                                    recipe + ": " + problem;
                }
        }
        QVERIFY2(problems.empty(), problems.c_str());
        for (const auto& [exporter, at_least] : {std::pair<std::string_view, int>{"packed", 100},
                                                 {"compressed-tensors", 70},
                                                 {"gguf", 20},
                                                 {"gptq", 15},
                                                 {"awq", 15}})
            QVERIFY2(counts[exporter] >= at_least,
                     (std::string(exporter) + " " + std::to_string(counts[exporter])).c_str());
    }
};

GRATICULE_TEST(TestExportRoundTrips);
#include "tst_export_round_trips.moc"
