// GPTQ and AWQ folders: what is written, read again by this program. tests/clients/check_gptq_awq.py reads them with
// other code.
#include <QTest>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/engine/engine.h"
#include "core/engine/export.h"
#include "core/export/bit_packing.h"
#include "core/io/safetensors.h"
#include "tests/support/error_message.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_main.h"

using namespace graticule;
using graticule::testing::error_message;
using graticule::testing::TemporaryFolder;

namespace {

std::filesystem::path sample(const char* name) {
    return std::filesystem::path(GRATICULE_SOURCE_DIR) / "resources/samples" / name;
}

std::shared_ptr<const Model> open_quietly(const std::filesystem::path& path) {
    JobContext ctx;
    return open_model(path, ctx).model;
}

std::shared_ptr<const QuantizedModel> quantized_by(const std::shared_ptr<const Model>& model,
                                                   const std::string& recipe) {
    const Resolution resolution = resolve(read_recipe(recipe), *model);
    if (!resolution.resolved)
        throw Error(ErrorKind::usage, "the test's recipe is wrong: " + resolution.diagnostics.text());
    JobContext ctx;
    return quantize(model, nullptr, *resolution.resolved, ctx);
}

HostTensor some_logits(const std::shared_ptr<const Model>& model, std::shared_ptr<const QuantizedModel> quantized) {
    std::vector<std::int32_t> ids;
    for (int i = 0; i < 40; ++i) ids.push_back((i * 7 + 3) % 40);
    JobContext ctx;
    return logits(model, std::move(quantized), {ids}, ctx);
}

void export_to(const QuantizedModel& quantized, const char* exporter, const std::filesystem::path& folder) {
    JobContext ctx;
    static_cast<void>(export_model(quantized, exporter_named(exporter), {folder}, {}, ctx));
}

} // namespace

class TestExportGptqAwq : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void round_trips_data() {
        QTest::addColumn<QString>("model");
        QTest::addColumn<QString>("recipe");
        for (const char* model : {"sample-opt", "sample-llama"})
            for (const int bits : {2, 3, 4, 8})
                for (const char* rest : {"sym/channel:f16", "asym/g32:f16", "sym/g32:f16"})
                    QTest::addRow("%s int%d %s", model, bits, rest)
                        << model << QString("w=int%1/%2").arg(bits).arg(rest);
    }
    void round_trips() {
        QFETCH(QString, model);
        QFETCH(QString, recipe);
        const auto original = open_quietly(sample(model.toUtf8()));
        const auto quantized = quantized_by(original, recipe.toStdString());
        const TemporaryFolder parent;
        export_to(*quantized, "gptq", parent / "out");
        const auto again = open_quietly(parent / "out");
        QVERIFY(std::ranges::equal(some_logits(again, nullptr).bytes, some_logits(original, quantized).bytes));
        std::ifstream stream(parent / "out/quantize_config.json");
        const auto config = nlohmann::json::parse(stream);
        const bool symmetric = recipe.contains("/sym/");
        QCOMPARE(config["sym"].get<bool>(), symmetric);
        QCOMPARE(config["checkpoint_format"].get<std::string>(), std::string(symmetric ? "gptq" : "gptq_v2"));
        QCOMPARE(config["group_size"].get<int>(), recipe.contains("g32") ? 32 : -1);
        if (!recipe.startsWith("w=int4/sym")) return;
        // What every reader of symmetric 4-bit folders expects: zero points of 8, less one.
        const auto file = SafetensorsFile::open(parent / "out/model.safetensors");
        for (const SafetensorsEntry& entry : file->entries())
            if (entry.name.ends_with(".qzeros"))
                for (const std::byte byte : file->tensor(entry.name).bytes) QCOMPARE(int(byte), 0x77);
    }

    void awq_round_trips_data() {
        QTest::addColumn<QString>("model");
        QTest::addColumn<QString>("recipe");
        for (const char* model : {"sample-opt", "sample-llama"})
            for (const char* recipe : {"w=int4/sym/channel:f16", "w=int4/asym/g32:f16", "w=int4/sym/g64:f16"})
                QTest::newRow((std::string(model) + " " + recipe).c_str()) << model << recipe;
    }
    void awq_round_trips() {
        QFETCH(QString, model);
        QFETCH(QString, recipe);
        const auto original = open_quietly(sample(model.toUtf8()));
        const auto quantized = quantized_by(original, recipe.toStdString());
        const TemporaryFolder parent;
        export_to(*quantized, "awq", parent / "out");
        const auto again = open_quietly(parent / "out");
        QVERIFY(std::ranges::equal(some_logits(again, nullptr).bytes, some_logits(original, quantized).bytes));
        const std::string error =
            error_message([&] { export_to(*quantized_by(original, "w=int8/sym/g32:f16"), "awq", parent / "b"); });
        QVERIFY2(error.find("use int4") != std::string::npos, error.c_str());
    }

    /// AutoGPTQ's file alone says how the weights are packed; what it says need not be what belongs there.
    void only_the_file_beside_says_it() {
        const auto original = open_quietly(sample("sample-opt"));
        const TemporaryFolder parent;
        const std::filesystem::path folder = parent / "out";
        export_to(*quantized_by(original, "w=int4/sym/g32:f16"), "gptq", folder);
        const auto change = [&](const char* name, const auto& edit) {
            std::ifstream in(folder / name);
            nlohmann::json file = nlohmann::json::parse(in);
            edit(file);
            std::ofstream(folder / name) << file;
        };
        change("config.json", [](nlohmann::json& config) { config.erase("quantization_config"); });
        change("quantize_config.json", [](nlohmann::json& config) { config.erase("quant_method"); });
        QCOMPARE(open_quietly(folder)->linears().size(), original->linears().size());
        for (const nlohmann::json& method : {nlohmann::json(4), nlohmann::json("awful")}) {
            change("quantize_config.json", [&](nlohmann::json& config) { config["quant_method"] = method; });
            const std::string error = error_message([&] { (void)open_quietly(folder); });
            QVERIFY2(error.find("quantize_config.json: \"quant_method\" is " + method.dump()) != std::string::npos,
                     error.c_str());
        }
    }

    void refusals_data() {
        QTest::addColumn<QString>("recipe");
        QTest::addColumn<QString>("says");
        const auto row = [](const char* recipe, const char* says) { QTest::newRow(recipe) << recipe << says; };
        row("w=int4/sym/g32", "w=int4/sym/g128:f16");
        row("w=int5/sym/g32:f16", "2, 3, 4 or 8 bits");
        row("w=dint4/asym/g32:f16", "2, 3, 4 or 8 bits");
        row("w=fp8_e4m3/sym/channel", "2, 3, 4 or 8 bits");
        row("w=int4/sym/g32:f16 a=int8/sym/token", "leave a= out");
        row(R"({"schema":1,"defaults":"w=int4/sym/g32:f16","ignore":["layers.0.fc1"]})", "is left in float");
        row(R"({"schema":1,"defaults":"w=int4/sym/g32:f16","rules":[{"pattern":"layers.0.fc1","choice":"w=int8/sym/g32:f16"}]})",
            "one for all");
    }
    void refusals() {
        QFETCH(QString, recipe);
        QFETCH(QString, says);
        const auto model = open_quietly(sample("sample-opt"));
        const Resolution resolution = resolve(read_recipe(recipe.toStdString()), *model);
        QVERIFY2(resolution.resolved.has_value(), resolution.diagnostics.text().c_str());
        const TemporaryFolder parent;
        const std::string error = error_message([&] {
            static_cast<void>(
                check_export(*model, choices_of(*resolution.resolved), exporter_named("gptq"), {parent / "out"}, {}));
        });
        QVERIFY2(QString::fromStdString(error).contains(says), error.c_str());
    }
};

GRATICULE_TEST(TestExportGptqAwq);
#include "tst_export_gptq_awq.moc"
