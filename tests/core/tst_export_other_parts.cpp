// A language model inside a checkpoint that holds more: its linears are quantized, everything else is carried along bit
// for bit, and clients are told to leave it alone.
#include <QTest>

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "core/engine/engine.h"
#include "core/engine/export.h"
#include "core/io/safetensors.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_main.h"

using namespace graticule;
using graticule::testing::TemporaryFolder;
using nlohmann::json;

namespace {

/// A tiny LLaMA as LLaVA stores it, an image tower and a projector beside it: `text` before the names of the one,
/// `others` before the names of the others.
void make_checkpoint(const std::filesystem::path& folder, const std::string& text, const std::string& others) {
    std::filesystem::create_directories(folder);
    const json language = {{"model_type", "llama"},    {"hidden_size", 64},        {"num_hidden_layers", 2},
                           {"num_attention_heads", 4}, {"num_key_value_heads", 2}, {"intermediate_size", 96},
                           {"vocab_size", 40},         {"rms_norm_eps", 1e-5},     {"max_position_embeddings", 64}};
    const json config = {
        {"model_type", "llava"},   {"architectures", {"LlavaForConditionalGeneration"}},
        {"text_config", language}, {"vision_config", {{"model_type", "clip_vision_model"}, {"hidden_size", 32}}},
        {"image_token_index", 39}, {"tie_word_embeddings", false}};
    std::ofstream(folder / "config.json") << config.dump();
    std::ofstream(folder / "preprocessor_config.json") << "{}";
    std::vector<SafetensorsSpec> specs;
    const bool inside = text.starts_with("model."); // newer files: model.language_model.layers, lm_head beside
    const std::string model = text + (inside ? "" : "model.");
    specs.push_back({model + "embed_tokens.weight", DType::f32, {40, 64}});
    specs.push_back({(inside ? "" : text) + "lm_head.weight", DType::f32, {40, 64}});
    specs.push_back({model + "norm.weight", DType::f32, {64}});
    for (int block = 0; block < 2; ++block) {
        const std::string name = model + "layers." + std::to_string(block) + ".";
        for (const char* norm : {"input_layernorm.weight", "post_attention_layernorm.weight"})
            specs.push_back({name + norm, DType::f32, {64}});
        for (const auto& [linear, out, in] :
             {std::tuple{"self_attn.q_proj", 64, 64}, std::tuple{"self_attn.k_proj", 32, 64},
              std::tuple{"self_attn.v_proj", 32, 64}, std::tuple{"self_attn.o_proj", 64, 64},
              std::tuple{"mlp.gate_proj", 96, 64}, std::tuple{"mlp.up_proj", 96, 64},
              std::tuple{"mlp.down_proj", 64, 96}})
            specs.push_back({name + linear + ".weight", DType::f32, {out, in}});
    }
    specs.push_back({others + "vision_tower.encoder.layers.0.fc1.weight", DType::bf16, {48, 32}});
    specs.push_back({others + "vision_tower.encoder.layers.0.fc1.bias", DType::bf16, {48}});
    specs.push_back({others + "vision_tower.embeddings.position_ids", DType::i64, {1, 5}});
    specs.push_back({others + "vision_tower.rotary_emb.inv_freq", DType::f32, {8}});
    specs.push_back({others + "multi_modal_projector.linear_1.weight", DType::f16, {64, 32}});
    SafetensorsWriter writer(folder / "model.safetensors", specs);
    std::mt19937 random(5);
    std::normal_distribution<float> normal(0, 0.1F);
    for (const SafetensorsSpec& spec : specs) {
        const auto count = static_cast<std::size_t>(element_count(spec.shape));
        if (spec.dtype == DType::f32) {
            std::vector<float> values(count);
            for (float& value : values) value = spec.shape.size() == 1 ? 1 : normal(random);
            writer.write(spec.name, HostTensor::from_floats(std::move(values), spec.shape));
        } else {
            std::vector<std::byte> bytes(tensor_bytes(spec));
            for (std::byte& value : bytes) value = static_cast<std::byte>(random() % 60); // finite in any type
            writer.write(spec.name, bytes);
        }
    }
    writer.finish();
}

HostTensor some_logits(const std::shared_ptr<const Model>& model, std::shared_ptr<const QuantizedModel> quantized) {
    std::vector<std::int32_t> ids;
    for (int i = 0; i < 30; ++i) ids.push_back((i * 7 + 3) % 38);
    JobContext ctx;
    return logits(model, std::move(quantized), {ids}, ctx);
}

bool same_bytes(const HostTensor& a, const HostTensor& b) {
    return a.dtype == b.dtype && a.shape == b.shape && std::ranges::equal(a.bytes, b.bytes);
}

} // namespace

class TestExportOtherParts : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void are_carried_along_data() {
        QTest::addColumn<QString>("exporter");
        QTest::addColumn<QString>("recipe");
        QTest::addColumn<QString>("text");
        QTest::addColumn<QString>("others");
        for (const char* text : {"language_model.", "model.language_model."}) {
            const QString others = QString(text).startsWith("model.") ? "model." : "";
            QTest::addRow("compressed-tensors, %s", text) << "compressed-tensors"
                                                          << "w=int4/sym/g32" << text << others;
            QTest::addRow("mixed, %s", text) << "compressed-tensors"
                                             << R"({"schema": 1, "name": "m", "defaults": "w=int4/asym/g32",
                                                    "rules": [{"pattern": "*.down_proj", "choice": "w=int8/sym/channel"}],
                                                    "ignore": ["layers.1.self_attn.*"]})"
                                             << text << others;
            QTest::addRow("gptq, %s", text) << "gptq"
                                            << "w=int4/sym/g32:f16" << text << others;
            QTest::addRow("awq, %s", text) << "awq"
                                           << "w=int4/asym/g32:f16" << text << others;
        }
    }
    void are_carried_along() {
        QFETCH(QString, exporter);
        QFETCH(QString, recipe);
        QFETCH(QString, text);
        QFETCH(QString, others);
        const TemporaryFolder folder;
        make_checkpoint(folder / "model", text.toStdString(), others.toStdString());
        JobContext ctx;
        const auto model = open_model(folder / "model", ctx).model;
        const Recipe wanted =
            recipe.startsWith('{') ? parse_recipe(recipe.toStdString()) : read_recipe(recipe.toStdString());
        const Resolution resolution = resolve(wanted, *model);
        QVERIFY2(resolution.resolved.has_value(), resolution.diagnostics.text().c_str());
        const auto quantized = quantize(model, nullptr, *resolution.resolved, ctx);
        static_cast<void>(
            export_model(*quantized, exporter_named(exporter.toStdString()), {folder / "exported"}, {}, ctx));

        const auto before = open_checkpoint(folder / "model"), after = open_checkpoint(folder / "exported");
        std::size_t carried = 0;
        for (const std::string& name : before->tensor_names()) {
            if (name.find("vision_tower") == std::string::npos && name.find("projector") == std::string::npos) continue;
            QVERIFY2(after->contains(name), name.c_str());
            QVERIFY2(same_bytes(before->tensor(name), after->tensor(name)), name.c_str());
            ++carried;
        }
        QCOMPARE(carried, std::size_t{5});
        QVERIFY(std::filesystem::exists(folder / "exported/preprocessor_config.json"));
        json was = json::parse(before->config_json()), is = json::parse(after->config_json());
        const json quantization = is.at("quantization_config");
        for (const char* key : {"text_config", "vision_config", "image_token_index", "architectures"})
            if (std::string(key) != "text_config") QVERIFY2(is.at(key) == was.at(key), key);
        is.at("text_config").erase("tie_word_embeddings");
        QVERIFY(is.at("text_config") == was.at("text_config"));
        for (const char* part : {"vision_tower", "multi_modal_projector"})
            QVERIFY2(quantization.dump().find(part) != std::string::npos, quantization.dump().c_str());

        const auto again = open_model(folder / "exported", ctx).model;
        QVERIFY(same_bytes(some_logits(again, nullptr), some_logits(model, quantized)));
    }
};

GRATICULE_TEST(TestExportOtherParts);
#include "tst_export_other_parts.moc"
