// Inputs behind faults that people met in other programs (../shared/fixtures/reports/README.md). Every folder there has
// a row here: what is asserted is what its README calls right. Neighbours of each kind are made on the spot.
#include <QtTest/QTest>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/engine/engine.h"
#include "core/engine/export.h"
#include "core/export/ct_arguments.h"
#include "core/export/stored_weights.h"
#include "core/io/checkpoint.h"
#include "core/io/safetensors.h"
#include "tests/support/error_message.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_main.h"

using namespace graticule;
using graticule::testing::error_message;
using graticule::testing::TemporaryFolder;
using nlohmann::json;

namespace {

namespace fs = std::filesystem;

fs::path reports() { return testing::shared_dir() / "fixtures/reports"; }

std::vector<std::vector<std::int32_t>> rows_of_ids(const HostTensor& tensor) {
    const auto columns = static_cast<std::size_t>(tensor.shape.back());
    std::vector<std::vector<std::int32_t>> rows;
    for (std::size_t at = 0; at * 8 < tensor.bytes.size(); ++at) {
        std::int64_t id = 0;
        std::memcpy(&id, tensor.bytes.data() + 8 * at, sizeof id);
        if (at % columns == 0) rows.emplace_back();
        rows.back().push_back(static_cast<std::int32_t>(id));
    }
    return rows;
}

struct Opened {
    std::shared_ptr<const Model> model;
    std::shared_ptr<const Tokenizer> tokenizer;
    std::string log; ///< everything that was said
};

Opened open_quietly(const fs::path& path) {
    Opened result;
    JobContext ctx;
    ctx.log = [&](const std::string& line) { result.log += line + "\n"; };
    const OpenedModel opened = open_model(path, ctx);
    result.model = opened.model;
    result.tokenizer = opened.tokenizer;
    return result;
}

double largest_difference(const std::shared_ptr<const Model>& model, const std::vector<std::vector<std::int32_t>>& ids,
                          const std::vector<float>& expected) {
    JobContext ctx;
    const std::vector<float> ours = to_floats(logits(model, nullptr, ids, ctx));
    if (ours.size() != expected.size()) return INFINITY;
    double worst = 0;
    for (std::size_t i = 0; i < ours.size(); ++i) worst = std::max(worst, std::abs(double(ours[i]) - expected[i]));
    return worst;
}

HostTensor only_tensor(const fs::path& file, const char* name) { return SafetensorsFile::open(file)->tensor(name); }

using Edit = std::function<void(json&)>;
using Rename = std::function<std::string(const std::string&)>; ///< empty: the tensor is left out

/// A copy of a folder with one safetensors file, its config and the names of its tensors changed.
void copy_edited(const fs::path& from, const TemporaryFolder& to, const Edit& edit, const Rename& rename = {},
                 const std::map<std::string, HostTensor>& more = {}) {
    std::ifstream stream(from / "config.json");
    json config = json::parse(stream);
    if (edit) edit(config);
    to.write("config.json", config.dump());
    if (fs::exists(from / "tokenizer.json")) fs::copy_file(from / "tokenizer.json", to / "tokenizer.json");
    const auto file = SafetensorsFile::open(from / "model.safetensors");
    std::map<std::string, HostTensor> tensors = more;
    for (const SafetensorsEntry& entry : file->entries()) {
        const std::string name = rename ? rename(entry.name) : entry.name;
        if (!name.empty()) tensors.emplace(name, file->tensor(entry.name)); // one of `more` goes before
    }
    std::vector<SafetensorsSpec> specs;
    for (const auto& [name, tensor] : tensors) specs.push_back({name, tensor.dtype, tensor.shape});
    SafetensorsWriter writer(to / "model.safetensors", specs);
    for (const auto& [name, tensor] : tensors) writer.write(name, tensor);
    writer.finish();
}

HostTensor floats(std::vector<float> values, Shape shape) {
    return HostTensor::from_floats(std::move(values), std::move(shape));
}

/// Logits of forty made-up tokens, the same for every model of at least 40 rows.
std::vector<float> some_logits(const std::shared_ptr<const Model>& model) {
    std::vector<std::int32_t> ids;
    for (int i = 0; i < 40; ++i) ids.push_back((i * 7 + 3) % 40);
    JobContext ctx;
    return to_floats(logits(model, nullptr, {ids}, ctx));
}
std::vector<float> some_logits(const fs::path& folder) { return some_logits(open_quietly(folder).model); }

std::shared_ptr<const QuantizedModel> quantized_by(const std::shared_ptr<const Model>& model,
                                                   const std::string& recipe) {
    const Resolution resolution = resolve(read_recipe(recipe), *model);
    if (!resolution.resolved) throw Error(ErrorKind::usage, "the test's recipe " + recipe + " is wrong");
    JobContext ctx;
    return quantize(model, nullptr, *resolution.resolved, ctx);
}

void export_to(const QuantizedModel& quantized, const fs::path& folder) {
    JobContext ctx;
    static_cast<void>(export_model(quantized, exporter_named("compressed-tensors"), {folder}, {}, ctx));
}

fs::path family(const char* name) { return testing::shared_dir() / "fixtures/families" / name; }

/// What README.md calls right, as far as a folder is opened: `says` must be in what is said ("" and no warnings:
/// nothing).
struct Row {
    const char* folder;
    const char* says;
};
constexpr Row with_logits[] = {
    {"phi3_gguf_longrope", ""},
    {"ct_frozen_dense", ""},
    {"narrow16_ct_w4", ""},
    {"tied_but_own_head", "\"lm_head.weight\" differs from the embedding"},
    {"opt_remove_final_ln", "model.decoder.final_layer_norm.weight"},
    {"phi4_gguf_window_zero", ""},
    {"qwen2_window_mwl0", ""},
    {"bias_tensors_config_silent", "6 biases of the checkpoint are not used"},
    {"shards_swap", "lm_head.weight (in model-00001-of-00002.safetensors)"},
    {"shards_extra", "rotary_emb.inv_freq"},
    {"ct_w4_shape_int32", ""},
    {"prefix_language_model", "\"language_model.\""},
};
/// Tests of their own below.
constexpr const char* others[] = {"narrow16_dense",          "plain64",         "nan_embedding",
                                  "gguf_llama3_pre_missing", "tok_strip_first", "tc_bl_addbos_true_LlamaTokenizerFast"};

} // namespace

class Reports : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void every_folder_has_a_row() {
        GRATICULE_NEEDS_SHARED("fixtures/reports");
        for (const auto& entry : fs::directory_iterator(reports())) {
            if (!entry.is_directory()) continue;
            const std::string name = entry.path().filename().string();
            const bool known = std::ranges::any_of(with_logits, [&](const Row& row) { return name == row.folder; }) ||
                               std::ranges::find(others, name) != std::end(others);
            QVERIFY2(known, name.c_str());
        }
    }

    void logits_are_right_data() {
        QTest::addColumn<QString>("says");
        for (const Row& row : with_logits) QTest::newRow(row.folder) << row.says;
    }
    void logits_are_right() {
        QFETCH(QString, says);
        GRATICULE_NEEDS_SHARED("fixtures/reports");
        const fs::path folder = reports() / QTest::currentDataTag();
        Opened opened;
        try {
            opened = open_quietly(folder);
        } catch (const Error& error) {
            QFAIL(error.info().message.c_str());
        }
        const fs::path expected =
            folder /
            (fs::exists(folder / "expected.safetensors") ? "expected.safetensors" : "expected_logits.safetensors");
        const double worst =
            largest_difference(opened.model, rows_of_ids(only_tensor(folder / "ids.safetensors", "input_ids")),
                               to_floats(only_tensor(expected, "logits")));
        QVERIFY2(worst < 2e-4, (std::to_string(worst) + "\n" + opened.log).c_str());
        std::string warnings;
        for (const std::string& warning : opened.model->parts().warnings) warnings += warning + "\n";
        if (says.isEmpty())
            QCOMPARE(QString::fromStdString(warnings), QString());
        else
            QVERIFY2(QString::fromStdString(opened.log).contains(says), opened.log.c_str());
    }

    void a_deleted_start() {
        GRATICULE_NEEDS_SHARED("fixtures/reports");
        const auto tokenizer = open_tokenizer(reports() / "tok_strip_first");
        QCOMPARE(tokenizer->encode(" a"), (std::vector<std::int32_t>{2}));
        QCOMPARE(tokenizer->encode("a"), (std::vector<std::int32_t>{3}));
    }

    void a_missing_pre_is_said() {
        GRATICULE_NEEDS_SHARED("fixtures/reports");
        const Opened opened = open_quietly(reports() / "gguf_llama3_pre_missing");
        QVERIFY2(opened.log.find("tokenizer.ggml.pre") != std::string::npos, opened.log.c_str());
        QVERIFY2(opened.log.find("llama-bpe") != std::string::npos, opened.log.c_str());
        QVERIFY2(opened.log.find("tokenizer.ggml.add_bos_token") != std::string::npos, opened.log.c_str());
        QCOMPARE(opened.log.find("tokenizer.ggml.pre"), opened.log.rfind("tokenizer.ggml.pre")); // once
    }

    void a_prefix_without_a_template_is_said() {
        GRATICULE_NEEDS_SHARED("fixtures/reports");
        const Opened opened = open_quietly(reports() / "tc_bl_addbos_true_LlamaTokenizerFast");
        QVERIFY2(opened.log.find("add_bos_token") != std::string::npos, opened.log.c_str());
        // transformers 5.24
        QCOMPARE(opened.tokenizer->encode("hello <|end_of_text|> world 2019"),
                 (std::vector<std::int32_t>{257, 75, 75, 78, 220, 301, 270, 276, 75, 67, 220, 17, 15, 16, 24}));
    }

    // Neighbours of what was reported.

    void uniform_prefixes_data() {
        QTest::addColumn<QString>("from");
        QTest::addColumn<QString>("prefix");
        QTest::addColumn<bool>("head_too");
        for (const char* from : {"llama", "opt", "gpt2", "qwen3_moe"})
            for (const char* prefix : {"module.", "_orig_mod.", "language_model.", "module._orig_mod."})
                QTest::addRow("%s under %s", from, prefix) << from << prefix << true;
        QTest::newRow("Gemma 3's way") << "gemma3"
                                       << "model.language_" << false; // "model.language_model.layers..."
    }
    void uniform_prefixes() {
        QFETCH(QString, from);
        QFETCH(QString, prefix);
        QFETCH(bool, head_too);
        GRATICULE_NEEDS_SHARED("fixtures/families");
        const fs::path original = family(from.toUtf8());
        const TemporaryFolder folder;
        copy_edited(original, folder, {}, [&](const std::string& name) {
            return !head_too && name.starts_with("lm_head") ? name : prefix.toStdString() + name;
        });
        // Not the same bits: longer names move the tensors in the file, and how a product's sums are cut depends on
        // where its operands begin.
        const std::vector<float> moved = some_logits(folder.path()), logits = some_logits(original);
        QCOMPARE(moved.size(), logits.size());
        for (std::size_t i = 0; i < logits.size(); ++i) QVERIFY(std::abs(moved[i] - logits[i]) < 2e-6F);
        QVERIFY(open_quietly(folder.path()).log.find(prefix.toStdString()) != std::string::npos);
    }

    void two_models_under_prefixes() {
        GRATICULE_NEEDS_SHARED("fixtures/families");
        const TemporaryFolder folder;
        const auto file = SafetensorsFile::open(family("llama") / "model.safetensors");
        std::map<std::string, HostTensor> draft;
        for (const SafetensorsEntry& entry : file->entries()) draft["draft." + entry.name] = file->tensor(entry.name);
        copy_edited(
            family("llama"), folder, {}, [](const std::string& name) { return "target." + name; }, draft);
        const std::string says = error_message([&] { open_quietly(folder.path()); });
        QVERIFY2(says.find("\"draft.\"") != std::string::npos && says.find("\"target.\"") != std::string::npos,
                 says.c_str());
    }

    /// A decoder inside a model with more parts: the text part opens, the rest is said to be left alone.
    void the_text_part_opens() {
        GRATICULE_NEEDS_SHARED("fixtures/families");
        const TemporaryFolder folder;
        copy_edited(
            family("llama"), folder,
            [](json& config) {
                json whole = {{"model_type", "llava"}, {"vision_config", {{"hidden_size", 8}}}};
                whole["tie_word_embeddings"] = config["tie_word_embeddings"];
                config.erase("tie_word_embeddings");
                whole["text_config"] = config;
                config = whole;
            },
            [](const std::string& name) { return "language_model." + name; },
            {{"vision_tower.patch.weight", floats(std::vector<float>(4, 1), {2, 2})}});
        QCOMPARE(some_logits(folder.path()), some_logits(family("llama")));
        QVERIFY(open_quietly(folder.path()).log.find("vision_tower.patch.weight") != std::string::npos);
    }

    void zero_is_off_data() {
        QTest::addColumn<QString>("from");
        QTest::addColumn<QString>("zero");
        QTest::addColumn<QString>("off");
        const auto row = [](const char* from, const char* zero, const char* off) {
            QTest::addRow("%s: %s", from, zero) << from << zero << off;
        };
        row("mistral", R"({"sliding_window":0})", R"({"sliding_window":null})");
        row("phi3", R"({"sliding_window":0})", R"({"sliding_window":null})");
        row("mixtral", R"({"sliding_window":0})", R"({"sliding_window":null})");
        row("gemma2", R"({"sliding_window":0})", R"({"layer_types":["full_attention","full_attention"]})");
        row("gemma2", R"({"attn_logit_softcapping":0})", R"({"attn_logit_softcapping":null})");
        row("gemma2", R"({"final_logit_softcapping":0.0})", R"({"final_logit_softcapping":null})");
        row("gemma3", R"({"final_logit_softcapping":0})", R"({"final_logit_softcapping":null})");
        row("qwen2", R"({"use_sliding_window":true,"sliding_window":0})", R"({"use_sliding_window":false})");
    }
    void zero_is_off() {
        QFETCH(QString, from);
        QFETCH(QString, zero);
        QFETCH(QString, off);
        GRATICULE_NEEDS_SHARED("fixtures/families");
        const auto with = [&](const QString& fields) {
            const TemporaryFolder folder;
            copy_edited(family(from.toUtf8()), folder, [&](json& config) {
                config.update(json::parse(fields.toStdString()));
                if (fields.contains("full_attention")) config["layer_types"] = json::array();
                if (fields.contains("full_attention"))
                    for (int block = 0; block < config["num_hidden_layers"].get<int>(); ++block)
                        config["layer_types"].push_back("full_attention");
            });
            return some_logits(folder.path());
        };
        QCOMPARE(with(zero), with(off));
    }

    /// A field of the config that is not known is said, one that switches on what is not done is refused.
    void fields_that_nobody_reads() {
        GRATICULE_NEEDS_SHARED("fixtures/families");
        const auto with = [&](const char* from, const json& fields) {
            const TemporaryFolder folder;
            copy_edited(family(from), folder, [&](json& config) { config.update(fields); });
            std::string log;
            const std::string error = error_message([&] { log = open_quietly(folder.path()).log; });
            return error == "no error" ? log : "refused: " + error;
        };
        QCOMPARE(with("llama", {{"unsloth_version", "2026"}, {"use_cache", false}, {"top_k", 50}}), std::string());
        QVERIFY(with("llama", {{"residual_multiplier", 0.22}}).find("residual_multiplier = 0.22") != std::string::npos);
        QVERIFY(with("llama", {{"rope_scaling", {{"rope_type", "linear"}, {"factor", 2.0}, {"curl", 3}}},
                               {"rope_parameters", nullptr}})
                    .find("rope_scaling.curl = 3") != std::string::npos);
        constexpr std::pair<const char*, const char*> switches[] = {{"gpt2", "add_cross_attention"},
                                                                    {"llama", "is_encoder_decoder"},
                                                                    {"gemma3", "use_bidirectional_attention"},
                                                                    {"falcon", "alibi"},
                                                                    {"gpt2", "scale_attn_by_inverse_layer_idx"}};
        for (const auto& [from, field] : switches) {
            const std::string says = with(from, {{field, true}});
            QVERIFY2(says.starts_with("refused: ") && says.find(field) != std::string::npos, says.c_str());
        }
    }

    /// Fields that transformers reads before others, or passes over for some families: tried with 5.17 and 5.24.
    void which_field_counts_data() {
        QTest::addColumn<QString>("from");
        QTest::addColumn<QString>("fields"); ///< merged into the config; null removes
        QTest::addColumn<QString>("same_as");
        QTest::addColumn<QString>("says"); ///< empty: nothing is said
        const auto row = [](const char* name, const char* from, const char* fields, const char* same_as,
                            const char* says) { QTest::newRow(name) << from << fields << same_as << says; };
        row("a part of each head", "llama", R"({"partial_rotary_factor":0.5})", "{}", "partial_rotary_factor = 0.5");
        row("all of each head", "llama", R"({"partial_rotary_factor":1.0})", "{}", "");
        row("a part, said inside", "qwen2", R"({"rope_parameters":{"partial_rotary_factor":0.5}})", "{}",
            "rope_parameters.partial_rotary_factor = 0.5");
        row("both sets", "llama", R"({"rope_scaling":{"rope_type":"linear","factor":4.0}})",
            R"({"rope_parameters":{"rope_type":"linear","factor":4.0}})", "");
        row("an empty older set", "llama",
            R"({"rope_scaling":{},"rope_parameters":{"rope_type":"linear","factor":4.0}})",
            R"({"rope_parameters":{"rope_type":"linear","factor":4.0}})", "");
        const char* yarn =
            R"({"rope_parameters":{"rope_type":"yarn","factor":4.0,"original_max_position_embeddings":64}})";
        row("original length beside and inside", "llama",
            R"({"rope_parameters":{"rope_type":"yarn","factor":4.0,"original_max_position_embeddings":16},
                "original_max_position_embeddings":64})",
            yarn, "");
        row("Phi-3's original length beside", "phi3_longrope", R"({"original_max_position_embeddings":64})",
            R"({"rope_parameters":{"original_max_position_embeddings":64},"original_max_position_embeddings":64})", "");
        row("Phi-3's original length, not said beside", "phi3_longrope", R"({"original_max_position_embeddings":null})",
            R"({"rope_parameters":{"original_max_position_embeddings":4096},"original_max_position_embeddings":4096})",
            "");
        row("Phi-3's yarn is longrope", "phi3_longrope", R"({"rope_parameters":{"rope_type":"yarn"}})", "{}", "");
        row("Gemma 2's other activation", "gemma2", R"({"hidden_activation":null,"hidden_act":"gelu"})", "{}", "");
        row("Gemma 3's cap on scores", "gemma3", R"({"attn_logit_softcapping":5.0})", "{}",
            "attn_logit_softcapping = 5.0");
        row("Gemma 3's own copy of the pattern", "gemma3", R"({"layer_types":null,"_sliding_window_pattern":2})",
            R"({"layer_types":null})", "");
        row("GPT-NeoX's second names", "gpt_neox",
            R"({"rope_parameters":null,"rope_theta":500.0,"partial_rotary_factor":0.5})", R"({"rope_parameters":null})",
            "\"rope_theta\" 500.0");
        row("GPT-NeoX's second names that agree", "gpt_neox",
            R"({"rope_parameters":null,"rope_theta":10000,"partial_rotary_factor":0.25})",
            R"({"rope_parameters":null})", "");
        row("a GELU by another name", "llama", R"({"hidden_act":"gelu_python"})", R"({"hidden_act":"gelu"})", "");
    }
    void which_field_counts() {
        QFETCH(QString, from);
        QFETCH(QString, fields);
        QFETCH(QString, same_as);
        QFETCH(QString, says);
        GRATICULE_NEEDS_SHARED("fixtures/families");
        const TemporaryFolder folder, other;
        const auto with = [&](const TemporaryFolder& to, const QString& patch) {
            copy_edited(family(from.toUtf8()), to,
                        [&](json& config) { config.merge_patch(json::parse(patch.toStdString())); });
            return some_logits(to.path());
        };
        QCOMPARE(with(folder, fields), with(other, same_as));
        const std::string log = open_quietly(folder.path()).log;
        if (says.isEmpty())
            QCOMPARE(QString::fromStdString(log), QString());
        else
            QVERIFY2(QString::fromStdString(log).contains(says), log.c_str());
        if (!says.isEmpty() || same_as == "{}") return;
        // Not one of two that nobody reads: the file as it was is another model. Agreeing names are the same one.
        if (!QString(QTest::currentDataTag()).contains("agree") && !QString(QTest::currentDataTag()).contains("copy"))
            QVERIFY(some_logits(folder.path()) != some_logits(family(from.toUtf8())));
    }

    /// What lies beside a checkpoint and is neither read nor said elsewhere.
    void an_adapter_beside_is_said() {
        GRATICULE_NEEDS_SHARED("fixtures/families");
        const TemporaryFolder folder;
        copy_edited(family("llama"), folder, {});
        folder.write("adapter_config.json", "{}");
        QVERIFY(open_quietly(folder.path()).log.find("adapter_config.json") != std::string::npos);
    }

    void scales_that_nobody_announces() {
        GRATICULE_NEEDS_SHARED("fixtures/families");
        const std::string weight = "model.layers.0.mlp.up_proj.weight";
        const auto file = SafetensorsFile::open(family("llama") / "model.safetensors");
        const Shape shape = file->tensor(weight).shape;
        const auto codes = HostTensor::from_vector(
            std::vector<std::uint8_t>(static_cast<std::size_t>(element_count(shape)), 0x38), DType::f8_e4m3, shape);
        for (const char* ending : {"_scale", "_scale_inv"}) {
            const TemporaryFolder folder;
            copy_edited(family("llama"), folder, {}, {}, {{weight, codes}, {weight + ending, floats({2}, {1})}});
            folder.write("hf_quant_config.json", "{}");
            const std::string says = error_message([&] { open_quietly(folder.path()); });
            QVERIFY2(says.find(weight + ending) != std::string::npos && says.find("ModelOpt") != std::string::npos,
                     says.c_str());
        }
        const TemporaryFolder alone; // codes without scales are the values
        copy_edited(family("llama"), alone, {}, {}, {{weight, codes}});
        QCOMPARE(open_quietly(alone.path()).log, std::string());
    }

    /// Blocks of 96 x 48 in a weight of 160 x 64: the last ones are smaller, and half of its rows would be another
    /// weight.
    void blocks_that_do_not_come_out_even() {
        GRATICULE_NEEDS_SHARED("fixtures/families");
        const std::string weight = "model.layers.0.mlp.up_proj.weight";
        const Shape shape{160, 64};
        const auto codes = HostTensor::from_vector(std::vector<std::uint8_t>(160 * 64, 0x38), DType::f8_e4m3, shape);
        const TemporaryFolder folder;
        copy_edited(family("llama"), folder,
                    [](json& config) {
                        config["quantization_config"] = json::parse(R"({"quant_method":"compressed-tensors",
                    "format":"float-quantized","config_groups":{"a":{"targets":["re:.*layers\\.0\\.mlp\\.up_proj"],
                    "weights":{"num_bits":8,"type":"float","strategy":"block","block_structure":[96,48]}}}})");
                    },
                    {}, {{weight, codes}, {weight + "_scale", floats({1, 2, 3, 4}, {2, 2})}});
        const Opened opened = open_quietly(folder.path());
        const std::vector<float> values = to_floats(opened.model->parts().checkpoint->tensor(weight));
        for (const auto& [row, column, value] : {std::tuple(0, 0, 1.0F),
                                                 {95, 47, 1.0F},
                                                 {95, 48, 2.0F},
                                                 {96, 0, 3.0F},
                                                 {159, 47, 3.0F},
                                                 {96, 48, 4.0F},
                                                 {159, 63, 4.0F}})
            QCOMPARE(values[std::size_t(row * 64 + column)], value);
        const HostTensor rows = opened.model->parts().checkpoint->tensor(weight);
        QCOMPARE(to_floats(rows, 90, 10), std::vector<float>(values.begin() + 90 * 64, values.begin() + 100 * 64));
    }

    /// Fields and tensors of quantized checkpoints that contradict each other or ask for more.
    void quantized_folders_data() {
        QTest::addColumn<QString>("exporter");
        QTest::addColumn<QString>("fields");  ///< of quantization_config; null removes
        QTest::addColumn<QString>("without"); ///< tensors with this ending are left out
        QTest::addColumn<QString>("says");    ///< "!...": in the refusal; empty: nothing
        const auto row = [](const char* name, const char* exporter, const char* fields, const char* without,
                            const char* says) { QTest::newRow(name) << exporter << fields << without << says; };
        row("as it is", "gptq", "{}", "", "");
        row("a width in quotes", "gptq", R"({"bits":"4"})", "", "!\"bits\" is \"4\", not a number");
        row("activation order without an order", "gptq", R"({"desc_act":true})", ".g_idx", "!g_idx: is missing");
        row("no order, none needed", "gptq", R"({"desc_act":false})", ".g_idx", "");
        row("marlin by its flag", "gptq", R"({"is_marlin_format":true})", "", "!is_marlin_format");
        row("an adapter", "gptq", R"({"adapter":{"name":"lora","rank":8}})", "", "!adapter");
        row("no adapter, and a story", "gptq", R"({"adapter":null,"dataset":"c4","use_exllama":true})", "", "");
        row("a field that nobody knows", "gptq", R"({"rotation":"hadamard"})", "", "rotation = \"hadamard\"");
        row("rules for no module, and one that says the same", "gptq",
            R"({"dynamic":{"-:.*lm_head":{},"+:.*router":{"bits":8},".*q_proj":{"bits":4,"group_size":32}}})", "", "");
        row("a rule of another width", "gptq", R"({"dynamic":{"+:.*q_proj":{"bits":8}}})", "", "!of 32 inputs");
        row("two rules that do not agree", "gptq", R"({"dynamic":{".*q_proj":{"bits":4},".*self_attn":{"bits":8}}})",
            "", "!that do not agree");
        row("a rule of more", "gptq", R"({"dynamic":{".*q_proj":{"rank":4}}})", "", "!has the field rank");
        row("other groups than the scales", "gptq", R"({"group_size":64})", "", "!q_proj.scales: [2, 64]");
        row("zero points that are not there", "gptq", "{}", ".qzeros", "!.qzeros: is missing");
        row("AWQ as it is", "awq", "{}", "", "");
        row("AWQ, other groups", "awq", R"({"group_size":64})", "", "!q_proj.scales: [2, 64]");
        row("AWQ, one group", "awq", R"({"group_size":-1})", "", "!in groups of all inputs");
        row("AWQ, the usual group", "awq", R"({"group_size":null})", "", "!in groups of 128");
        row("AWQ, half a group", "awq", R"({"group_size":"32"})", "", "!\"group_size\" is \"32\"");
        row("AWQ without zero points", "awq", "{}", ".qzeros", "!.qzeros: is missing");
        row("AWQ's other layout by another name", "awq", R"({"version":null,"format":"gemv"})", "", "!\"gemv\"");
        row("AWQ's first names", "awq", R"({"bits":null,"group_size":null,"w_bit":4,"q_group_size":32})", "", "");
        row("not symmetric, no zero points", "compressed-tensors", "{}", ".weight_zero_point",
            "!weight_zero_point: is missing");
        row("symmetric beside zero points", "compressed-tensors",
            R"({"config_groups":{"group_0":{"weights":{"symmetric":true}}}})", "",
            "14 tensors of zero points are not used");
        row("outputs", "compressed-tensors",
            R"({"config_groups":{"group_0":{"output_activations":{"num_bits":8,"type":"int"}}}})", "",
            "output_activations");
        row("a field that compressed-tensors ignores", "compressed-tensors", R"({"curl":3})", "", "curl = 3");
        row("fields that change nothing", "compressed-tensors",
            R"({"run_compressed":true,"version":"0.9","transform_config":{"config_groups":{}},"sparsity_config":{},
                "quantization_status":"frozen",
                "config_groups":{"group_0":{"weights":{"observer":"mse","zp_dtype":"torch.int8","actorder":"weight"}}}})",
            "", "");
        row("a field of a group", "compressed-tensors", R"({"config_groups":{"group_0":{"curl":3}}})", "",
            "!config_groups.group_0.curl is 3");
        row("a field of weights", "compressed-tensors", R"({"config_groups":{"group_0":{"weights":{"curl":3}}}})", "",
            "!config_groups.group_0.weights.curl is 3");
        row("a field of inputs", "compressed-tensors",
            R"({"config_groups":{"group_0":{"input_activations":{"num_bits":8,"curl":3}}}})", "",
            "!config_groups.group_0.input_activations.curl is 3");
        row("floats that are integers", "compressed-tensors",
            R"({"config_groups":{"group_0":{"weights":{"type":"float"}}}})", "", "!holds integer codes");
        row("larger groups", "compressed-tensors", R"({"config_groups":{"group_0":{"weights":{"group_size":64}}}})", "",
            "!\"group_size\" 64");
        row("no groups", "compressed-tensors",
            R"({"config_groups":{"group_0":{"weights":{"strategy":"channel","group_size":null}}}})", "",
            "!\"strategy\" \"channel\"");
        row("groups by size alone", "compressed-tensors",
            R"({"config_groups":{"group_0":{"weights":{"strategy":null}}}})", "", "");
        row("weights by token", "compressed-tensors",
            R"({"config_groups":{"group_0":{"weights":{"strategy":"token"}}}})", "", "!weights.strategy is \"token\"");
        row("not to be quantized", "compressed-tensors", R"({"ignore":["re:.*q_proj"],"curl":null})", "",
            "!q_proj.weight_packed: is a packed weight, but \"ignore\"");
        row("a format that nobody knows", "compressed-tensors", R"({"format":"origami"})", "", "!format \"origami\"");
        row("a group's format", "compressed-tensors", R"({"config_groups":{"group_0":{"format":"origami"}}})", "",
            "!group_0: format \"origami\"");
    }
    void quantized_folders() {
        QFETCH(QString, exporter);
        QFETCH(QString, fields);
        QFETCH(QString, without);
        QFETCH(QString, says);
        GRATICULE_NEEDS_SHARED("fixtures/families");
        const TemporaryFolder parent, folder;
        JobContext ctx;
        static_cast<void>(export_model(*quantized_by(open_quietly(family("llama")).model, "w=int4/asym/g32:f16"),
                                       exporter_named(exporter.toStdString()), {parent / "out"}, {}, ctx));
        copy_edited(
            parent / "out", folder,
            [&](json& config) { config["quantization_config"].merge_patch(json::parse(fields.toStdString())); },
            [&](const std::string& name) {
                return !without.isEmpty() && name.ends_with(without.toStdString()) ? std::string() : name;
            });
        std::string log;
        const std::string error = error_message([&] { log = open_quietly(folder.path()).log; });
        if (says.startsWith('!')) {
            QVERIFY2(QString::fromStdString(error).contains(says.mid(1)), error.c_str());
            return;
        }
        QCOMPARE(error, std::string("no error"));
        if (says.isEmpty())
            QCOMPARE(QString::fromStdString(log), QString());
        else
            QVERIFY2(QString::fromStdString(log).contains(says), log.c_str());
        const bool same = some_logits(folder.path()) == some_logits(parent / "out");
        QCOMPARE(same, !says.contains("zero points")); // without them it is what transformers computes: another model
    }
    void early_file_of_awq() {
        GRATICULE_NEEDS_SHARED("fixtures/families");
        const TemporaryFolder parent, folder;
        JobContext ctx;
        static_cast<void>(export_model(*quantized_by(open_quietly(family("llama")).model, "w=int4/asym/g32:f16"),
                                       exporter_named("awq"), {parent / "out"}, {}, ctx));
        copy_edited(parent / "out", folder, [](json& config) { config.erase("quantization_config"); });
        folder.write("quant_config.json", R"({"zero_point":true,"q_group_size":32,"w_bit":4,"version":"GEMM"})");
        QCOMPARE(some_logits(folder.path()), some_logits(parent / "out"));
    }

    void biases_are_the_configs_data() {
        QTest::addColumn<QString>("from");
        QTest::addColumn<QString>("fields");
        QTest::addColumn<QString>("bias"); ///< in the name of those that then do not count
        QTest::newRow("OPT") << "opt"
                             << R"({"enable_bias":false})"
                             << "";
        QTest::newRow("GPT-NeoX") << "gpt_neox"
                                  << R"({"attention_bias":false})"
                                  << "attention.";
    }
    void biases_are_the_configs() {
        QFETCH(QString, from);
        QFETCH(QString, fields);
        QFETCH(QString, bias);
        GRATICULE_NEEDS_SHARED("fixtures/families");
        const fs::path original = family(from.toUtf8());
        const TemporaryFolder switched_off, zeroed;
        copy_edited(original, switched_off, [&](json& config) { config.update(json::parse(fields.toStdString())); });
        std::map<std::string, HostTensor> zeros;
        const auto file = SafetensorsFile::open(original / "model.safetensors");
        for (const SafetensorsEntry& entry : file->entries())
            if (entry.name.ends_with(".bias") && entry.name.find("norm") == std::string::npos &&
                entry.name.find(bias.toStdString()) != std::string::npos)
                zeros[entry.name] = floats(std::vector<float>(static_cast<std::size_t>(entry.shape[0])), entry.shape);
        QVERIFY(!zeros.empty());
        copy_edited(original, zeroed, {}, {}, zeros);
        QCOMPARE(some_logits(switched_off.path()), some_logits(zeroed.path()));
        QVERIFY(open_quietly(switched_off.path()).log.find(std::to_string(zeros.size()) + " biases") !=
                std::string::npos);
    }

    /// transformers drops norms that a model of this type does not have, and so is a missing one of those it has
    /// refused.
    void norms_are_the_configs() {
        GRATICULE_NEEDS_SHARED("fixtures/families");
        const TemporaryFolder extra, missing;
        copy_edited(family("llama"), extra, {}, {},
                    {{"model.layers.0.self_attn.q_norm.weight", floats(std::vector<float>(16, 3), {16})}});
        QCOMPARE(some_logits(extra.path()), some_logits(family("llama")));
        QVERIFY(open_quietly(extra.path()).log.find("self_attn.q_norm.weight") != std::string::npos);
        copy_edited(family("qwen3"), missing, {}, [](const std::string& name) {
            return name == "model.layers.1.self_attn.k_norm.weight" ? std::string() : name;
        });
        const std::string says = error_message([&] { open_quietly(missing.path()); });
        QVERIFY2(says.find("model.layers.1.self_attn.k_norm.weight") != std::string::npos, says.c_str());
    }

    /// Our own export at every width, however few inputs a linear has: rows of several widths are then equally long.
    void every_width_is_read_back_data() {
        QTest::addColumn<QString>("recipe");
        for (int bits = 2; bits <= 8; ++bits)
            for (const char* rest : {"sym/channel", "asym/channel", "asym/g8"})
                QTest::addRow("int%d %s", bits, rest) << QString("w=int%1/%2").arg(bits).arg(rest);
    }
    void every_width_is_read_back() {
        QFETCH(QString, recipe);
        GRATICULE_NEEDS_SHARED("fixtures/reports");
        const Opened opened = open_quietly(reports() / "narrow16_dense");
        const TemporaryFolder parent;
        const auto quantized = quantized_by(opened.model, recipe.toStdString());
        export_to(*quantized, parent / "out");
        JobContext ctx;
        std::vector<std::int32_t> ids;
        for (int i = 0; i < 40; ++i) ids.push_back((i * 7 + 3) % 40);
        QCOMPARE(some_logits(parent / "out"), to_floats(logits(opened.model, quantized, {ids}, ctx)));
    }

    void the_stored_head_is_exported() {
        GRATICULE_NEEDS_SHARED("fixtures/reports");
        const Opened opened = open_quietly(reports() / "tied_but_own_head");
        const TemporaryFolder parent;
        const auto quantized = quantized_by(opened.model, "w=int8/sym/channel");
        export_to(*quantized, parent / "out");
        std::ifstream stream(parent / "out/config.json");
        QCOMPARE(json::parse(stream)["tie_word_embeddings"], json(false)); // older clients would take the embedding
        JobContext ctx;
        std::vector<std::int32_t> ids;
        for (int i = 0; i < 40; ++i) ids.push_back((i * 7 + 3) % 40);
        QCOMPARE(some_logits(parent / "out"), to_floats(logits(opened.model, quantized, {ids}, ctx)));
    }

    void a_prefix_is_not_exported() {
        GRATICULE_NEEDS_SHARED("fixtures/reports");
        const Opened opened = open_quietly(reports() / "prefix_language_model");
        const TemporaryFolder parent;
        export_to(*quantized_by(opened.model, "w=int4/asym/g32"), parent / "out");
        for (const SafetensorsEntry& entry : SafetensorsFile::open(parent / "out/model.safetensors")->entries())
            QVERIFY2(!entry.name.starts_with("language_model."), entry.name.c_str());
    }

    void what_is_not_finite_is_not_written_data() {
        QTest::addColumn<QString>("tensor");
        QTest::addColumn<float>("value");
        QTest::newRow("embedding") << "model.embed_tokens.weight" << NAN;
        QTest::newRow("head") << "lm_head.weight" << INFINITY;
        QTest::newRow("norm") << "model.norm.weight" << -INFINITY;
        QTest::newRow("a linear that is left in float") << "model.layers.1.mlp.down_proj.weight" << NAN;
        QTest::newRow("a linear") << "model.layers.0.mlp.down_proj.weight" << NAN;
        QTest::newRow("a tensor that nobody knows") << "extra.weight" << NAN;
    }
    void what_is_not_finite_is_not_written() {
        QFETCH(QString, tensor);
        QFETCH(float, value);
        GRATICULE_NEEDS_SHARED("fixtures/reports");
        const TemporaryFolder folder, parent;
        const auto file = SafetensorsFile::open(reports() / "plain64/model.safetensors");
        std::map<std::string, HostTensor> damaged = {{"extra.weight", floats({1, 2, 3, 4}, {2, 2})}};
        const HostTensor whole =
            tensor == "extra.weight" ? damaged["extra.weight"] : file->tensor(tensor.toStdString());
        std::vector<float> values = to_floats(whole);
        values.back() = value; // the last row: no text reaches it
        damaged[tensor.toStdString()] = floats(values, whole.shape);
        copy_edited(reports() / "plain64", folder, {}, {}, damaged);
        const Opened opened = open_quietly(folder.path());
        const std::string says = error_message([&] {
            export_to(*quantized_by(opened.model,
                                    R"({"schema":1,"defaults":"w=int4/asym/g32","ignore":["layers.1.mlp.down_proj"]})"),
                      parent / "out");
        });
        QVERIFY2(says.find(tensor.toStdString()) != std::string::npos && says.find("not finite") != std::string::npos,
                 says.c_str());
        QVERIFY(!fs::exists(parent / "out"));
    }
    void the_reported_embedding_is_not_written() {
        GRATICULE_NEEDS_SHARED("fixtures/reports");
        const Opened opened = open_quietly(reports() / "nan_embedding");
        const TemporaryFolder parent;
        const std::string says =
            error_message([&] { export_to(*quantized_by(opened.model, "w=int4/asym/g32"), parent / "out"); });
        QVERIFY2(says.find("model.embed_tokens.weight") != std::string::npos, says.c_str());
    }

    void words_of_refusals_data() {
        QTest::addColumn<QString>("quantization");
        QTest::addColumn<QString>("says");
        const auto row = [](const char* name, const char* quantization, const char* says) {
            QTest::newRow(name) << quantization << says;
        };
        row("NF4", R"({"quant_method":"bitsandbytes","load_in_4bit":true})", "bitsandbytes");
        row("another method", R"({"quant_method":"hqq"})", "\"hqq\"");
        row("2:4 sparse", R"({"quant_method":"compressed-tensors","format":"marlin-24"})", "marlin-24");
        row("sparse", R"({"quant_method":"compressed-tensors","sparsity_config":{"format":"sparse-bitmask"}})",
            "sparsity_config");
        row("rotated", R"({"quant_method":"compressed-tensors","transform_config":{"config_groups":{"u":{}}}})",
            "transform_config");
        row("a width in quotes",
            R"({"quant_method":"compressed-tensors","config_groups":{"g":{"weights":{"num_bits":"4"}}}})",
            "config_groups.g.weights.num_bits");
        row("nobody's", R"({"bits":4})", "\"quant_method\"");
        row("AWQ's other layout", R"({"quant_method":"awq","bits":4,"version":"gemv"})", "gemv");
        row("GPTQ's other layout", R"({"quant_method":"gptq","bits":4,"checkpoint_format":"marlin"})", "marlin");
        row("GPTQ of mixed widths", R"({"quant_method":"gptq","bits":4,"dynamic":{"+:a":{"bits":5}}})", "5 bits");
        row("GPTQ of five bits", R"({"quant_method":"gptq","bits":5})", "5 bits");
    }
    void words_of_refusals() {
        QFETCH(QString, quantization);
        QFETCH(QString, says);
        GRATICULE_NEEDS_SHARED("fixtures/families");
        const TemporaryFolder folder;
        copy_edited(family("llama"), folder,
                    [&](json& config) { config["quantization_config"] = json::parse(quantization.toStdString()); });
        const std::string said = error_message([&] { open_quietly(folder.path()); });
        QVERIFY2(QString::fromStdString(said).contains(says) && said.find("config.json") != std::string::npos,
                 said.c_str());
    }
    void early_keys_of_compressed_tensors() {
        GRATICULE_NEEDS_SHARED("fixtures/reports");
        const TemporaryFolder key, zeros;
        copy_edited(reports() / "narrow16_ct_w4", key, [](json& config) {
            config["compression_config"] = config["quantization_config"];
            config.erase("quantization_config");
        });
        QVERIFY(error_message([&] { open_quietly(key.path()); }).find("\"compression_config\"") != std::string::npos);
        const std::string tensor = "model.layers.0.self_attn.q_proj.weight_zero_point";
        copy_edited(reports() / "narrow16_ct_w4", zeros, {}, {},
                    {{tensor, HostTensor::from_vector(std::vector<std::int8_t>(16), DType::i8, {16, 1})}});
        const std::string says = error_message([&] { open_quietly(zeros.path()); });
        QVERIFY2(says.find(tensor + " is I8") != std::string::npos, says.c_str());
    }

    /// Which group a module is in, as transformers has it: by name, else by pattern, else by class.
    void groups_of_several_widths() {
        const CtArguments arguments(json::parse(R"({"config_groups":{
            "a":{"targets":["Linear"],"weights":{"num_bits":4}},
            "b":{"targets":["re:.*mlp\\.(up|gate)_proj$"],"weights":{"num_bits":8}},
            "c":{"targets":["model.layers.0.mlp.up_proj"],"weights":{"num_bits":3}}}})"));
        QCOMPARE(arguments.of_module("model.layers.0.self_attn.q_proj")->bits, 4);
        QCOMPARE(arguments.of_module("model.layers.1.mlp.up_proj")->bits, 8);
        QCOMPARE(arguments.of_module("model.layers.1.mlp.up_proj_x")->bits, 4);
        QCOMPARE(arguments.of_module("model.layers.0.mlp.up_proj")->bits, 3);
        QVERIFY(!arguments.of_module("model.embed_tokens")); // no Linear
        const CtArguments presets(with_presets_written_out(
            {{"ignore", {"lm_head", "re:.*\\.v_proj$"}},
             {"config_groups",
              {{"W4A16_ASYM", json::array({"Linear"})}, {"fp8_block", json::array({"re:.*down_proj"})}}}}));
        QVERIFY(!presets.of_module("lm_head") && !presets.of_module("layers.0.v_proj"));
        QVERIFY(!presets.of_module("layers.0.q_proj")->symmetric);
        QCOMPARE(presets.of_module("layers.0.q_proj")->tile.columns, std::int64_t{128});
        QVERIFY(presets.of_module("layers.0.down_proj")->floating);
        QCOMPARE(presets.of_module("layers.0.down_proj")->tile.rows, std::int64_t{128});
        QVERIFY(error_message([] {
                    return with_presets_written_out({{"config_groups", {{"W9A1", json::array({"Linear"})}}}});
                }).find("config_groups.W9A1") != std::string::npos);
        const CtArguments endless(json::parse(R"({"config_groups":{
            "a":{"targets":["re:(a+)+$"],"weights":{"num_bits":4}}}})"));
        QVERIFY(error_message([&] {
                    static_cast<void>(endless.of_module(std::string(400, 'a') + "b"));
                }).find("re:(a+)+$") != std::string::npos);
    }

    /// Bytes 37 i + 11 and 53 i + 200, decompressed by compressed-tensors 0.20.1.
    void four_bit_floats_data() {
        QTest::addColumn<bool>("nv");
        QTest::addColumn<QString>("expected");
        QTest::newRow("NVFP4")
            << true
            << "-0.375 0 0 0.375 0.75 0.75 -0.25 1.5 -1.5 -0.125 0.5 -0.5 -0.125 -1 -1 0 0.09375 0.09375 0 0.1875 "
               "-0.1875 "
               "0.375 0.0625 -0.0625 0.375 -0.125 -0.125 -0.25 0.03125 0.03125 0.25 0.09375 0 -0.3125 -0.46875 -0.9375 "
               "0.15625 0.234375 0.9375 0.625 -0.3125 -0.078125 0.078125 -0.46875 0.625 0 -0.234375 0.234375 0 312 156 "
               "-52 -52 -156 -312 0 104 104 -26 312 -208 -52 78 -208";
        QTest::newRow("MXFP4") << false
                               << "-0.75 0 0 0.75 1.5 1.5 -0.5 3 -3 -0.25 1 -1 -0.25 -2 -2 0 0.75 0.75 0 1.5 -1.5 3 "
                                  "0.5 -0.5 3 -1 -1 -2 0.25 "
                                  "0.25 2 0.75 0 -16 -24 -48 8 12 48 32 -16 -4 4 -24 32 0 -12 12 0 48 24 -8 -8 -24 -48 "
                                  "0 16 16 -4 48 -32 -8 "
                                  "12 -32";
    }
    void four_bit_floats() {
        QFETCH(bool, nv);
        QFETCH(QString, expected);
        const TemporaryFolder folder;
        json config = json::parse(R"({"quantization_config":{"quant_method":"compressed-tensors","config_groups":
            {"g":{"targets":["Linear"],"weights":{"num_bits":4,"type":"float","group_size":32}}}}})");
        if (nv)
            config["quantization_config"]["config_groups"]["g"]["weights"].update(
                {{"strategy", "tensor_group"}, {"group_size", 16}});
        folder.write("config.json", config.dump());
        std::vector<std::uint8_t> bytes;
        for (int i = 0; i < 16; ++i) bytes.push_back(static_cast<std::uint8_t>(37 * i + 11));
        for (int i = 0; i < 16; ++i) bytes.push_back(static_cast<std::uint8_t>(53 * i + 200));
        std::vector<SafetensorsSpec> specs = {{"m.weight_packed", DType::u8, {2, 16}}};
        if (nv) {
            specs.push_back({"m.weight_scale", DType::f8_e4m3, {2, 2}});
            specs.push_back({"m.weight_global_scale", DType::f32, {1}});
        } else {
            specs.push_back({"m.weight_scale", DType::u8, {2, 1}});
        }
        SafetensorsWriter writer(folder / "model.safetensors", specs);
        writer.write("m.weight_packed", HostTensor::from_vector(bytes, DType::u8, {2, 16}));
        if (nv) { // 2, 0.5, 1.25, 416 over 8
            writer.write("m.weight_scale", HostTensor::from_vector(std::vector<std::uint8_t>{0x40, 0x30, 0x3a, 0x7d},
                                                                   DType::f8_e4m3, {2, 2}));
            writer.write("m.weight_global_scale", floats({8}, {1}));
        } else {
            writer.write("m.weight_scale",
                         HostTensor::from_vector(std::vector<std::uint8_t>{126, 130}, DType::u8, {2, 1}));
        }
        writer.finish();
        const auto decoded = decode_stored_weights(open_checkpoint(folder.path()));
        QStringList ours;
        for (const float value : to_floats(decoded->tensor("m.weight"))) ours << QString::number(double(value + 0.0F));
        QCOMPARE(ours.join(' '), expected);
    }

    /// The reference packers' words (formats.md section 16), decoded: q = (5o + 3i + (o i mod 7)) mod 16, O 64, I 128,
    /// groups of 64, zero ((o + 3k) mod 15) + 1.
    void packed_by_others_data() {
        QTest::addColumn<bool>("awq");
        QTest::newRow("GPTQ") << false;
        QTest::newRow("AWQ") << true;
    }
    void packed_by_others() {
        QFETCH(bool, awq);
        constexpr int out = 64, in = 128, groups = 2;
        const auto code = [](int o, int i) { return (5 * o + 3 * i + (o * i) % 7) % 16; };
        const auto zero = [](int o, int k) { return (o + 3 * k) % 15 + 1; };
        constexpr int order[8] = {0, 2, 4, 6, 1, 3, 5, 7};
        std::vector<std::uint32_t> weights, zeros;
        if (awq) {
            const auto pack = [&](int rows, auto value, std::vector<std::uint32_t>& words) {
                for (int row = 0; row < rows; ++row)
                    for (int column = 0; column < out; column += 8) {
                        std::uint32_t word = 0;
                        for (int n = 0; n < 8; ++n)
                            word |= static_cast<std::uint32_t>(value(column + order[n], row)) << (4 * n);
                        words.push_back(word);
                    }
            };
            pack(in, code, weights);
            pack(groups, zero, zeros);
            QCOMPARE(weights[0], 0x39f5e4a0U); // AWQ's own packer
            QCOMPARE(zeros[1], 0x1ecafdb9U);
        } else {
            for (int i = 0; i < in; i += 8)
                for (int o = 0; o < out; ++o) {
                    std::uint32_t word = 0;
                    for (int n = 0; n < 8; ++n) word |= static_cast<std::uint32_t>(code(o, i + n)) << (4 * n);
                    weights.push_back(word);
                }
            for (int k = 0; k < groups; ++k)
                for (int o = 0; o < out; o += 8) {
                    std::uint32_t word = 0;
                    for (int n = 0; n < 8; ++n) word |= static_cast<std::uint32_t>(zero(o + n, k) - 1) << (4 * n);
                    zeros.push_back(word);
                }
            QCOMPARE(weights[0], 0x52fc9630U); // AutoGPTQ's own packer
            QCOMPARE(zeros[1], 0x0edcba98U);
        }
        const TemporaryFolder folder;
        folder.write("config.json", json{{"quantization_config",
                                          {{"quant_method", awq ? "awq" : "gptq"}, {"bits", 4}, {"group_size", 64}}}}
                                        .dump());
        std::vector<float> scales;
        for (int i = 0; i < groups * out; ++i) scales.push_back(std::ldexp(1.0F, i % 7 - 3));
        const Shape shape = awq ? Shape{in, out / 8} : Shape{in / 8, out};
        SafetensorsWriter writer(folder / "model.safetensors", {{"m.qweight", DType::i32, shape},
                                                                {"m.qzeros", DType::i32, {groups, out / 8}},
                                                                {"m.scales", DType::f32, {groups, out}}});
        writer.write("m.qweight", HostTensor::from_vector(weights, DType::i32, shape));
        writer.write("m.qzeros", HostTensor::from_vector(zeros, DType::i32, {groups, out / 8}));
        writer.write("m.scales", floats(scales, {groups, out}));
        writer.finish();
        const auto decoded = decode_stored_weights(open_checkpoint(folder.path()));
        QCOMPARE(decoded->tensor_names(), (std::vector<std::string>{"m.weight"}));
        const std::vector<float> weight = to_floats(decoded->tensor("m.weight"));
        for (int o = 0; o < out; ++o)
            for (int i = 0; i < in; ++i)
                QCOMPARE(weight[static_cast<std::size_t>(o * in + i)],
                         scales[static_cast<std::size_t>(i / 64 * out + o)] * float(code(o, i) - zero(o, i / 64)));
    }

    void logits_of_families_data() {
        const fs::path families = testing::shared_dir() / "fixtures/families";
        QTest::addColumn<QString>("folder");
        if (!fs::exists(families)) {
            QTest::newRow("none") << QString();
            return;
        }
        for (const auto& entry : fs::directory_iterator(families))
            QTest::newRow(entry.path().filename().c_str()) << QString::fromStdString(entry.path().string());
    }
    void logits_of_families() {
        QFETCH(QString, folder);
        GRATICULE_NEEDS_SHARED("fixtures/families");
        const fs::path path = folder.toStdString();
        const Opened opened = open_quietly(path);
        QCOMPARE(QString::fromStdString(opened.log), QString()); // every field and tensor is known
        const double worst =
            largest_difference(opened.model, rows_of_ids(only_tensor(path / "expected.safetensors", "input_ids")),
                               to_floats(only_tensor(path / "expected.safetensors", "logits")));
        QVERIFY2(worst < 2e-4, std::to_string(worst).c_str());
    }
};

GRATICULE_TEST(Reports);
#include "tst_reports.moc"
