// GGUF files that are written: types by recipe, metadata, tokenizers, what is carried as it is, refusals. Every
// exporter x family x format: tst_export_round_trips.cpp; read by llama.cpp's own package: tests/clients/check_gguf.py.
#include <QTest>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/engine/engine.h"
#include "core/engine/export.h"
#include "core/export/gguf.h"
#include "core/io/checkpoint.h"
#include "core/io/gguf/gguf_file.h"
#include "core/io/gguf/gguf_tokenizer_writer.h"
#include "tests/support/error_message.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_main.h"
#include "tests/support/tiny_model.h"

using namespace graticule;
using graticule::testing::error_message;
using graticule::testing::TemporaryFolder;
using graticule::testing::TinyModel;
using graticule::testing::TinyShape;
namespace fs = std::filesystem;

namespace {

fs::path sample(const char* name) { return fs::path(GRATICULE_SOURCE_DIR) / "resources/samples" / name; }

OpenedModel open_quietly(const fs::path& path) {
    JobContext ctx;
    return open_model(path, ctx);
}

ResolvedRecipe resolved(const std::string& recipe, const Model& model) {
    const Resolution resolution = resolve(read_recipe(recipe), model);
    if (!resolution.resolved)
        throw Error(ErrorKind::usage, "the test's recipe is wrong: " + resolution.diagnostics.text());
    return *resolution.resolved;
}

HostTensor some_logits(const std::shared_ptr<const Model>& model, std::shared_ptr<const QuantizedModel> quantized) {
    std::vector<std::int32_t> ids;
    for (int i = 0; i < 40; ++i) ids.push_back((i * 7 + 3) % 40);
    JobContext ctx;
    return logits(model, std::move(quantized), {ids}, ctx);
}

struct Written {
    std::shared_ptr<const QuantizedModel> quantized;
    std::shared_ptr<const GgufFile> file;
    std::shared_ptr<const Model> again;
    bool same_logits = false;
};

Written write(const std::shared_ptr<const Model>& model, const std::string& recipe, const fs::path& folder,
              std::shared_ptr<const ActivationStats> stats = nullptr) {
    JobContext ctx;
    Written written;
    written.quantized = quantize(model, std::move(stats), resolved(recipe, *model), ctx);
    static_cast<void>(export_model(*written.quantized, exporter_named("gguf"), {folder}, {}, ctx));
    written.file = GgufFile::open(folder / gguf_file_name);
    written.again = open_quietly(folder).model;
    written.same_logits =
        std::ranges::equal(some_logits(written.again, nullptr).bytes, some_logits(model, written.quantized).bytes);
    return written;
}

std::string check_of(const std::shared_ptr<const Model>& model, const std::string& recipe) {
    return exporter_named("gguf").check(*model, choices_of(resolved(recipe, *model)), {}).text();
}

void copy_into(const fs::path& folder, const fs::path& from) {
    for (const auto& entry : fs::directory_iterator(from))
        fs::copy_file(entry.path(), folder / entry.path().filename());
}

} // namespace

class TestExportGguf : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void types_data() {
        QTest::addColumn<QString>("recipe");
        QTest::addColumn<QString>("type");
        QTest::addColumn<int>("bytes"); // of a row of 256
        const auto row = [](const char* recipe, const char* type, int bytes) {
            QTest::newRow(recipe) << recipe << type << bytes;
        };
        row("w=int4/sym/g32:f16", "Q4_0", 144);
        row("w=int2/asym/g64:f16", "Q4_0", 144);
        row("w=int4/asym/g32:e4m3", "Q4_1", 160);
        row("w=int4/asym/g32:f16", "Q5_0", 176);
        row("w=dint3/asym/channel:f16", "Q5_0", 176);
        row("w=int5/asym/g32:e4m3", "Q5_1", 192);
        row("w=int6/sym/channel:f16", "Q6_K", 210);
        row("w=int6/sym/g64:f16", "Q8_0", 272);
        row("w=dint4/asym/g128:f16", "Q8_0", 272);
        row("w=dint4/asym/tensor:f16", "Q6_K", 210);
        row("w=int4/asym/dual32:f16", "Q6_K", 210);
        row("w=int8/sym/g32:f16", "Q8_0", 272);
        row("w=mxfp4", "MXFP4", 136);
    }
    void types() {
        QFETCH(QString, recipe);
        QFETCH(QString, type);
        QFETCH(int, bytes);
        const TemporaryFolder parent;
        const Written written = write(open_quietly(sample("sample-llama")).model, recipe.toStdString(), parent / "out");
        QVERIFY(written.same_logits);
        const GgufTensor* tensor = written.file->find("blk.3.ffn_gate.weight");
        QVERIFY(tensor != nullptr);
        QCOMPARE(QString::fromStdString(std::string(row_of(tensor->dtype).name)), type);
        QCOMPARE(std::ssize(tensor->bytes), std::ptrdiff_t(768) * bytes);
        QVERIFY(written.file->find("output.weight") == nullptr); // tied
        QCOMPARE(written.file->find("token_embd.weight")->dtype, DType::bf16);
        QCOMPARE(written.file->find("output_norm.weight")->dtype, DType::f32);
    }

    void metadata() {
        const TemporaryFolder parent;
        const Written written = write(open_quietly(sample("sample-llama")).model, "w=int4/sym/g32:f16", parent / "out");
        const GgufMetadata& metadata = written.file->metadata();
        QCOMPARE(metadata.text("general.architecture").value(), std::string("llama"));
        QCOMPARE(metadata.whole("general.file_type").value(), 2U); // mostly Q4_0
        QCOMPARE(metadata.whole("llama.attention.head_count_kv").value(), 2U);
        QCOMPARE(metadata.whole("llama.rope.dimension_count").value(), 64U);
        QCOMPARE(metadata.real("llama.rope.freq_base").value(), 10000.0);
        QCOMPARE(metadata.text("graticule.recipe").value(), std::string("w=int4/sym/g32:f16"));
        const auto provenance = nlohmann::json::parse(metadata.text("graticule.provenance").value());
        QCOMPARE(provenance["model_hash"].get<std::string>(), written.quantized->provenance.model_hash);
        QCOMPARE(metadata.text("tokenizer.ggml.model").value(), std::string("llama"));
        QVERIFY(fs::exists(parent / "out" / "graticule.json"));
        QVERIFY(!fs::exists(parent / "out" / "tokenizer.json")); // it is in the file
    }

    /// Smoothing changes norms and weights; GGUF keeps norms in float32, Gemma's plus one.
    void folded_models_data() {
        QTest::addColumn<QString>("family");
        for (const char* family : {"llama", "gemma2", "gpt2", "phi3"}) QTest::newRow(family) << family;
    }
    void folded_models() {
        QFETCH(QString, family);
        const TemporaryFolder parent;
        TinyShape shape;
        shape.vocabulary = 5120;
        TinyModel(family.toStdString(), shape).write(parent / "model");
        fs::copy_file(sample("sample-llama") / "tokenizer.json", parent.path() / "model" / "tokenizer.json");
        const OpenedModel opened = open_quietly(parent / "model");
        CalibrationSpec spec;
        spec.samples = 2;
        spec.length = 32;
        JobContext ctx;
        const auto stats = calibrate(*opened.model, *opened.tokenizer, spec, ctx);
        const Written written = write(opened.model, "w=int8/sym/g32:f16 smoothquant", parent / "out", stats);
        QVERIFY(!written.quantized->replaced.empty());
        QVERIFY(written.same_logits);
    }

    /// Layers that a recipe leaves alone are written as they are stored.
    void what_is_not_quantized_stays() {
        for (const DType dtype : {DType::f32, DType::f16, DType::bf16})
            for (const char* family : {"llama", "gpt2", "phi3"}) {
                const TemporaryFolder parent;
                TinyShape shape;
                shape.dtype = dtype;
                TinyModel(family, shape).write(parent / "model");
                const auto model = open_quietly(parent / "model").model;
                const std::string kept = std::strcmp(family, "gpt2") == 0 ? "h.1.*" : "layers.1.*";
                const nlohmann::json recipe = {
                    {"schema", 1}, {"defaults", "w=int4/sym/g32:f16"}, {"ignore", nlohmann::json::array({kept})}};
                const Written written = write(model, recipe.dump(), parent / "out");
                QVERIFY2(written.same_logits, family);
                QCOMPARE(written.file->find("blk.0.ffn_down.weight")->dtype, DType::q4_0);
                QCOMPARE(written.file->find("blk.1.ffn_down.weight")->dtype, dtype);
                QCOMPARE(written.file->find("blk.1.attn_output.weight")->dtype, dtype);
            }
    }

    /// A GGUF file opened and written again: its blocks, its tokenizer and what is quantized anew.
    void from_gguf() {
        const TemporaryFolder parent;
        const OpenedModel original = open_quietly(sample("sample-llama"));
        const Written first = write(original.model, "w=int8/sym/g32:f16", parent / "first");
        const Written second =
            write(first.again, R"({"schema":1,"defaults":"w=int4/sym/g32:f16","ignore":["layers.[1-7].*"]})",
                  parent / "second");
        QVERIFY(second.same_logits);
        QCOMPARE(second.file->find("blk.0.attn_q.weight")->dtype, DType::q4_0);
        for (const char* name : {"blk.4.attn_q.weight", "blk.4.ffn_down.weight", "token_embd.weight"}) {
            const GgufTensor *before = first.file->find(name), *after = second.file->find(name);
            QVERIFY(std::ranges::equal(before->bytes, after->bytes)); // q's rows were turned back and forth
            QCOMPARE(after->dtype, before->dtype);
        }
        const std::string text = "Once upon a time, 3 foxes  ran.";
        QCOMPARE(open_quietly(parent / "second").tokenizer->encode(text), original.tokenizer->encode(text));
    }

    /// What a GGUF file says in words that no config.json has is not written as one that leaves it out.
    void rotary_divisors_stay_in_gguf() {
        const TemporaryFolder parent;
        TinyModel tiny("llama", {});
        tiny.config["rope_scaling"] = {{"rope_type", "llama3"},
                                       {"factor", 8.0},
                                       {"low_freq_factor", 1.0},
                                       {"high_freq_factor", 4.0},
                                       {"original_max_position_embeddings", 64}};
        tiny.write(parent / "model");
        const Written written = write(open_quietly(parent / "model").model, "w=int8/sym/g32:f16", parent / "out");
        const LayerChoices choices = choices_of(resolved("w=int4/sym/g32:f16", *written.again));
        for (const Exporter& exporter : all_exporters()) {
            const std::string says = exporter.check(*written.again, choices, {}).text();
            const bool refused = says.find("rope_freqs") != std::string::npos;
            QVERIFY2(refused == (exporter.name != "gguf" && exporter.name != "packed"), says.c_str());
        }
    }

    void rotary_scaling_data() {
        QTest::addColumn<QString>("keys");
        QTest::addColumn<bool>("exact");
        QTest::newRow("linear") << R"({"rope_type":"linear","factor":4.0})" << true;
        QTest::newRow("llama3")
            << R"({"rope_type":"llama3","factor":8.0,"low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":64})"
            << false; // the file holds divisors in float32
        QTest::newRow("yarn") << R"({"rope_type":"yarn","factor":4.0,"original_max_position_embeddings":32})" << false;
    }
    void rotary_scaling() {
        QFETCH(QString, keys);
        QFETCH(bool, exact);
        const TemporaryFolder parent;
        TinyModel tiny("llama", {});
        tiny.config["rope_scaling"] = nlohmann::json::parse(keys.toStdString());
        tiny.write(parent / "model");
        const auto model = open_quietly(parent / "model").model;
        const Written written = write(model, "w=int8/sym/g32:f16", parent / "out");
        if (exact) QVERIFY(written.same_logits);
        const std::vector<float> a = to_floats(some_logits(written.again, nullptr)),
                                 b = to_floats(some_logits(model, written.quantized));
        for (std::size_t i = 0; i < a.size(); ++i) QVERIFY(std::abs(a[i] - b[i]) < 1e-4F);
    }

    /// Token ids as before for texts that the writer has not tried itself.
    void tokenizers_data() {
        QTest::addColumn<QString>("family");
        QTest::addColumn<QString>("files"); // below ../shared, or a sample's
        QTest::addColumn<int>("vocabulary");
        QTest::addColumn<QString>("model");
        QTest::newRow("SentencePiece in tokenizer.json") << "llama"
                                                         << "sample-llama" << 5120 << "llama";
        QTest::newRow("byte-level BPE in tokenizer.json") << "llama"
                                                          << "sample-opt" << 5120 << "gpt2";
        QTest::newRow("vocab.json and merges.txt") << "gpt2"
                                                   << "data/tokenizers/gpt2" << 50257 << "gpt2";
        QTest::newRow("tokenizer.model") << "llama"
                                         << "data/tokenizers/mistral-v1" << 32003 << "llama"; // rows to fill up
    }
    void tokenizers() {
        QFETCH(QString, family);
        QFETCH(QString, files);
        QFETCH(int, vocabulary);
        QFETCH(QString, model);
        const TemporaryFolder parent;
        TinyShape shape;
        shape.hidden = shape.intermediate = 32;
        shape.heads = shape.blocks = 1;
        shape.vocabulary = vocabulary;
        TinyModel(family.toStdString(), shape).write(parent / "model");
        if (files.startsWith("data")) {
            GRATICULE_NEEDS_SHARED("data/tokenizers");
            copy_into(parent / "model", graticule::testing::shared_dir() / files.toStdString());
        } else {
            fs::copy_file(sample(files.toUtf8()) / "tokenizer.json", parent.path() / "model" / "tokenizer.json");
        }
        const OpenedModel opened = open_quietly(parent / "model");
        const Written written = write(opened.model, "w=int8/sym/g32:f16", parent / "out");
        QCOMPARE(written.file->metadata().text("tokenizer.ggml.model").value(), model.toStdString());
        QCOMPARE(written.file->metadata().array_size("tokenizer.ggml.tokens").value(), std::uint64_t(vocabulary));
        const auto again = open_quietly(parent / "out").tokenizer;
        std::ifstream stream(sample("text") / "evaluation.txt");
        const std::string text((std::istreambuf_iterator<char>(stream)), {});
        QVERIFY(text.size() > 40000);
        QCOMPARE(again->encode(text), opened.tokenizer->encode(text));
        QCOMPARE(again->bos(), opened.tokenizer->bos());
    }

    void refusals_data() {
        QTest::addColumn<QString>("family");
        QTest::addColumn<QString>("recipe");
        QTest::addColumn<QString>("says");
        const auto row = [](const char* family, const char* recipe, const char* says) {
            QTest::addRow("%s %s", family, recipe) << family << recipe << says;
        };
        row("llama", "w=int4/sym/g32", "w=int4/sym/g32:f16");
        row("llama", "w=int4/asym/dual32", "w=int4/asym/dual32:f16");
        row("llama", "w=int4/sym/g16:f16", "use g32");
        row("llama", "w=int8/asym/g32:f16", "-255 to 255 steps");
        row("llama", "w=dint7/asym/g32:f16", "halves of a step");
        row("llama", "w=fp8_e4m3/sym/channel", "use mxfp4");
        row("llama", "w=nvfp4", "use mxfp4");
        row("llama", "w=int4/sym/g32:f16 a=int8/sym/token", "leave a= out");
        row("llama", "w=int4/sym/g32:f16 k=int8/sym/token", "leave them out");
        row("opt", "w=int4/sym/g32:f16", "\"opt\" are not written as GGUF");
        row("phi3",
            R"({"schema":1,"defaults":"w=int4/sym/g32:f16","rules":[{"pattern":"*.v_proj","choice":"w=int8/sym/g32:f16"}]})",
            "blk.0.attn_qkv.weight");
        row("gpt2", R"({"schema":1,"defaults":"w=int4/sym/g32:f16","ignore":["*.k_proj"]})", "the same scheme");
    }
    void refusals() {
        QFETCH(QString, family);
        QFETCH(QString, recipe);
        QFETCH(QString, says);
        const TemporaryFolder parent;
        TinyModel(family.toStdString(), {}).write(parent / "model");
        const std::string text = check_of(open_quietly(parent / "model").model, recipe.toStdString());
        QVERIFY2(QString::fromStdString(text).contains("error"), text.c_str());
        QVERIFY2(QString::fromStdString(text).contains(says), text.c_str());
    }

    void a_width_that_is_no_block_names_the_layer() {
        const TemporaryFolder parent;
        TinyShape shape;
        shape.intermediate = 84;
        TinyModel("llama", shape).write(parent / "model");
        const std::string text = check_of(open_quietly(parent / "model").model, "w=int4/sym/channel:f16");
        QVERIFY2(text.find("layers.0.mlp.down_proj and 1 more: its 84 input channels") != std::string::npos,
                 text.c_str());
    }

    void a_scale_that_is_no_half_names_layer_and_value() {
        const TemporaryFolder parent;
        TinyShape shape;
        shape.spread = 1e-7F;
        TinyModel("llama", shape).write(parent / "model");
        const auto model = open_quietly(parent / "model").model;
        JobContext ctx;
        const auto quantized = quantize(model, nullptr, resolved("w=int4/sym/g32:bf16", *model), ctx);
        const std::string error = error_message(
            [&] { static_cast<void>(export_model(*quantized, exporter_named("gguf"), {parent / "out"}, {}, ctx)); });
        QVERIFY2(error.find("layers.0.self_attn.q_proj: a scale of ") == 0, error.c_str());
        QVERIFY2(error.find("is no float16") != std::string::npos, error.c_str());
        QVERIFY(!fs::exists(parent / "out"));
    }

    void windows_and_configs_that_llama_cpp_lacks() {
        const TemporaryFolder parent;
        TinyModel windowed("mistral", {});
        windowed.config["sliding_window"] = 16;
        windowed.write(parent / "mistral");
        const std::string warned = check_of(open_quietly(parent / "mistral").model, "w=int4/sym/g32:f16");
        QVERIFY2(warned.find("warning: llama.cpp's llama has no sliding window") != std::string::npos, warned.c_str());
        QVERIFY2(warned.find("error") == std::string::npos, warned.c_str());
        TinyModel scaled("gemma2", {});
        scaled.config["query_pre_attn_scalar"] = 100;
        scaled.write(parent / "gemma2");
        const std::string refused = check_of(open_quietly(parent / "gemma2").model, "w=int4/sym/g32:f16");
        QVERIFY2(refused.find("attention scores are multiplied by 0.1") != std::string::npos, refused.c_str());
    }
};

GRATICULE_TEST(TestExportGguf);
#include "tst_export_gguf.moc"
