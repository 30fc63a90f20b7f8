// Quantizing straight into a folder: the same bytes as exporting a finished model, block by block.
#include <QTest>

#include <fstream>
#include <map>

#include "core/engine/engine.h"
#include "core/engine/export.h"
#include "core/engine/resources.h"
#include "core/io/safetensors.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_main.h"

using namespace graticule;
using graticule::testing::TemporaryFolder;
namespace fs = std::filesystem;

namespace {

using Files = std::map<std::string, std::string>; // by name below the folder

Files files_of(const fs::path& folder) {
    Files files;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
        if (!entry.is_regular_file()) continue;
        std::ifstream in(entry.path(), std::ios::binary);
        files[entry.path().lexically_relative(folder).string()] = {std::istreambuf_iterator<char>(in), {}};
    }
    return files;
}

/// Empty: the same names and bytes.
std::string difference(const Files& a, const Files& b) {
    std::string text;
    for (const auto& [name, bytes] : a)
        if (!b.contains(name))
            text += name + " is missing; ";
        else if (b.at(name) != bytes)
            text += name + " differs; ";
    for (const auto& [name, bytes] : b)
        if (!a.contains(name)) text += name + " is too many; ";
    return text;
}

} // namespace

class TestExportSink : public QObject {
    Q_OBJECT

    struct Sample {
        std::shared_ptr<const Model> model;
        std::shared_ptr<const ActivationStats> stats;
    };
    std::map<QString, Sample> samples_;

    [[nodiscard]] ResolvedRecipe resolved(const QString& sample, const QString& recipe) const {
        Resolution resolution = resolve(read_recipe(recipe.toStdString()), *samples_.at(sample).model);
        if (!resolution.resolved) throw Error(ErrorKind::usage, resolution.diagnostics.text());
        return *resolution.resolved;
    }
    [[nodiscard]] std::shared_ptr<const QuantizedModel> finished(const QString& sample, const QString& recipe) const {
        JobContext ctx;
        const auto& [model, stats] = samples_.at(sample);
        return quantize(model, stats, resolved(sample, recipe), ctx);
    }
    [[nodiscard]] QuantizedExport streamed(const QString& sample, const QString& recipe, const Exporter& exporter,
                                           const fs::path& folder, const ExportOptions& options, JobContext& ctx,
                                           const LayerCallback& on_layer = {}) const {
        const auto& [model, stats] = samples_.at(sample);
        return quantize_and_export(model, stats, resolved(sample, recipe), exporter, {folder}, options, ctx, on_layer);
    }

private Q_SLOTS:
    void initTestCase() {
        for (const char* name : {"opt", "llama"}) {
            JobContext ctx;
            const OpenedModel opened =
                open_model(fs::path(GRATICULE_SOURCE_DIR) / "resources/samples" / ("sample-" + std::string(name)), ctx);
            CalibrationSpec spec;
            spec.samples = 4;
            spec.length = 64;
            samples_[name] = {opened.model, calibrate(*opened.model, *opened.tokenizer, spec, ctx)};
        }
    }

    void the_same_bytes_data() {
        QTest::addColumn<QString>("sample");
        QTest::addColumn<QString>("exporter");
        QTest::addColumn<QString>("recipe");
        auto row = [rows = 0](const char* exporter, const QString& recipe) mutable {
            // In turns: both for every row take minutes. GGUF has no OPT.
            const char* sample = rows++ % 2 == 0 && std::string_view(exporter) != "gguf" ? "opt" : "llama";
            QTest::addRow("%s %s %s", sample, exporter, qPrintable(recipe)) << sample << exporter << recipe;
        };
        row("compressed-tensors", "w=int4/asym/g64 a=int8/sym/token smoothquant gptq");
        row("compressed-tensors", "w=dint4/asym/g32 percentile");
        row("compressed-tensors", "w=int8/sym/channel a=int8/sym/tensor/static");
        row("compressed-tensors", R"({"schema":1,"defaults":"w=int4/sym/g32 awq","ignore":["layers.1.*"]})");
        row("gptq", "w=int4/asym/g32:f16 gptq");
        row("gptq", "w=int3/sym/channel:f16 smoothquant");
        row("awq", "w=int4/sym/g64:f16 awq");
        row("packed", "w=dint4/asym/g32:f16 smoothquant");
        row("packed", "w=int4/asym/dual64:f16 dgq:mode=clean");
        row("packed", "w=int3/asym/g32:f16 a=int8/sym/token smoothquant keep:percent=2 lorc:rank=3");
        row("gguf", "w=int4/sym/g32:f16 smoothquant gptq");
        row("gguf", R"({"schema":1,"defaults":"w=int4/asym/g32:f16 awq","ignore":["layers.1.*"]})");
    }
    void the_same_bytes() {
        QFETCH(QString, sample);
        QFETCH(QString, exporter);
        QFETCH(QString, recipe);
        const Exporter& row = exporter_named(exporter.toStdString());
        const auto held = finished(sample, recipe);
        for (const std::int64_t shard : {5'000'000'000LL, 100'000LL}) {
            const TemporaryFolder parent;
            ExportOptions options;
            options.shard_bytes = shard;
            JobContext ctx;
            const Exported whole = export_model(*held, row, {parent / "finished"}, options, ctx);
            options.held_bytes = shard == 100'000 ? options.held_bytes : 0; // what waits lies in memory, or in a file
            const auto [quantized, exported] = streamed(sample, recipe, row, parent / "streamed", options, ctx);
            const Files expected = files_of(parent / "finished");
            QCOMPARE(difference(expected, files_of(parent / "streamed")), std::string());
            const std::string stem = exporter == "packed" ? "packed" : "model";
            const bool whole_file = shard == 5'000'000'000LL;
            QVERIFY(expected.contains(
                exporter == "gguf" ? "model.gguf" : stem + (whole_file ? ".safetensors" : ".safetensors.index.json")));
            QCOMPARE(exported.files, whole.files);
            QCOMPARE(exported.reload.tensors, whole.reload.tensors);
            QCOMPARE(exported.reload.different, std::int64_t{0});
            for (const auto& linear : quantized->linears) QVERIFY(!linear || linear->codes.empty());
        }
    }

    /// The folder is the model that was quantized: as an evaluation of both would find.
    void what_is_written_is_what_was_quantized() {
        const QString recipe = "w=int3/asym/channel:f16 smoothquant gptq";
        const TemporaryFolder parent;
        JobContext ctx;
        ExportOptions options;
        options.shard_bytes = 50'000;
        const auto told = streamed("llama", recipe, exporter_named("gptq"), parent / "out", options, ctx).quantized;
        const auto& [model, stats] = samples_.at("llama");
        const auto held = quantize(model, stats, resolved("llama", recipe), ctx);
        const auto again = open_model(parent / "out", ctx).model;
        for (const Linear& linear : model->linears())
            QVERIFY(to_floats(again->linear(linear.id).weight) == effective_weight(*held, linear.id));
        QVERIFY(told->size() == held->size());
        QCOMPARE(told->provenance, held->provenance);
        // Every file says where it comes from; those written before the end say the same.
        std::size_t shards = 0;
        for (const auto& entry : fs::directory_iterator(parent / "out"))
            if (entry.path().extension() == ".safetensors") {
                const auto file = SafetensorsFile::open(entry.path());
                QVERIFY(file->metadata().at("graticule").find(held->provenance.model_hash) != std::string::npos);
                ++shards;
            }
        QVERIFY(shards > 3);
    }

    /// Stopped in the middle, with shards written already: what stood there stands there, and nothing beside it.
    void cancelling_leaves_what_was_there() {
        const Exporter& exporter = exporter_named("compressed-tensors");
        const TemporaryFolder parent;
        JobContext ctx;
        (void)streamed("opt", "w=int8/sym/channel", exporter, parent / "out", {}, ctx);
        const Files before = files_of(parent / "");
        ExportOptions options;
        options.shard_bytes = 1;
        int done = 0;
        bool shards_seen = false;
        const auto stop = [&](const LayerReport&) {
            if (++done < 9) return;
            for (const auto& entry : fs::recursive_directory_iterator(parent / ""))
                shards_seen = shards_seen || entry.path().string().find("shard-") != std::string::npos;
            ctx.cancel.request();
        };
        QVERIFY_THROWS_EXCEPTION(Cancelled,
                                 (void)streamed("opt", "w=int4/sym/g32", exporter, parent / "out", options, ctx, stop));
        QVERIFY(shards_seen);
        QCOMPARE(difference(before, files_of(parent / "")), std::string());
    }

    /// What stands beside the codes is in the file of who holds it, and refused by everyone else.
    void beside_the_codes_data() {
        QTest::addColumn<QString>("recipe");
        QTest::addColumn<bool>("packed_holds_it");
        QTest::newRow("kept") << "w=int4/sym/g32:f16 keep:percent=2" << true;
        QTest::newRow("low rank") << "w=int4/sym/g32:f16 lorc:rank=3" << true;
        QTest::newRow("rotated") << "w=int4/sym/g32:f16 hadamard" << false;
        QTest::newRow("kept, calibration says how many") << "w=int4/sym/g32:f16 keep:rule=threshold" << false;
    }
    void beside_the_codes() {
        QFETCH(QString, recipe);
        QFETCH(bool, packed_holds_it);
        const LayerChoices choices = choices_of(resolved("llama", recipe));
        const TemporaryFolder parent;
        for (const Exporter& exporter : all_exporters()) {
            const Diagnostics found =
                export_findings(*samples_.at("llama").model, choices, exporter, {parent / "out"}, {});
            const bool holds = packed_holds_it && exporter.name == "packed";
            if (exporter.name != "qserve") QVERIFY2(found.has_errors() != holds, found.text().c_str());
        }
        if (!packed_holds_it) return;
        JobContext ctx;
        const auto whole = finished("llama", recipe);
        (void)export_model(*whole, exporter_named("packed"), {parent / "out"}, {}, ctx);
        const auto again = open_model(parent / "out", ctx).model;
        for (const Linear& linear : whole->base->linears())
            QVERIFY(to_floats(again->linear(linear.id).weight) == effective_weight(*whole, linear.id));
    }

    /// What cannot be stored is refused before anything is quantized.
    void refused_at_once() {
        const TemporaryFolder parent;
        JobContext ctx;
        int done = 0;
        GRATICULE_EXPECT_ERROR(ErrorKind::unsupported, "leave a= out",
                               streamed("opt", "w=int4/sym/g32:f16 a=int8/sym/token", exporter_named("gptq"),
                                        parent / "out", {}, ctx, [&](const LayerReport&) { ++done; }));
        QCOMPARE(done, 0);
        QVERIFY(!fs::exists(parent / "out"));
    }
};

GRATICULE_TEST(TestExportSink);
#include "tst_export_sink.moc"
