// Configurations with missing or absurd fields, and what building a model finds in a checkpoint.
#include <QtTest/QTest>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/io/checkpoint.h"
#include "core/model/family.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_main.h"

using namespace graticule;
using nlohmann::json;

namespace {

json tiny_llama() {
    return {{"model_type", "llama"},    {"hidden_size", 8},         {"num_hidden_layers", 1},
            {"num_attention_heads", 2}, {"num_key_value_heads", 1}, {"intermediate_size", 12},
            {"vocab_size", 10},         {"rms_norm_eps", 1e-5},     {"max_position_embeddings", 64}};
}

/// A checkpoint in memory: the tensors of tiny_llama(), to be damaged by tests.
class MemoryCheckpoint final : public Checkpoint {
public:
    explicit MemoryCheckpoint(json config)
        : config_(config.dump()) {
        put("model.embed_tokens.weight", {10, 8});
        put("lm_head.weight", {10, 8});
        put("model.norm.weight", {8});
        const std::string block = "model.layers.0.";
        put(block + "input_layernorm.weight", {8});
        put(block + "post_attention_layernorm.weight", {8});
        put(block + "self_attn.q_proj.weight", {8, 8});
        put(block + "self_attn.k_proj.weight", {4, 8});
        put(block + "self_attn.v_proj.weight", {4, 8});
        put(block + "self_attn.o_proj.weight", {8, 8});
        put(block + "mlp.gate_proj.weight", {12, 8});
        put(block + "mlp.up_proj.weight", {12, 8});
        put(block + "mlp.down_proj.weight", {8, 12});
    }
    void put(const std::string& name, Shape shape) {
        const auto count = static_cast<std::size_t>(element_count(shape));
        tensors_[name] = HostTensor::from_floats(std::vector<float>(count, 1.0F), std::move(shape));
    }
    std::map<std::string, HostTensor> tensors_;

    [[nodiscard]] std::vector<std::string> tensor_names() const override {
        std::vector<std::string> names;
        for (const auto& [name, tensor] : tensors_) names.push_back(name);
        return names;
    }
    [[nodiscard]] bool contains(const std::string& name) const override { return tensors_.contains(name); }
    [[nodiscard]] HostTensor tensor(const std::string& name) const override {
        const auto found = tensors_.find(name);
        if (found == tensors_.end()) throw Error(ErrorKind::bad_input, "there is no tensor \"" + name + "\"");
        return found->second;
    }
    [[nodiscard]] const std::string& config_json() const override { return config_; }
    [[nodiscard]] std::filesystem::path folder() const override { return "memory"; }
    [[nodiscard]] std::vector<std::filesystem::path> files() const override { return {}; }
    [[nodiscard]] std::string container() const override { return "memory"; }
    [[nodiscard]] std::shared_ptr<const Tokenizer> tokenizer() const override { return nullptr; }

private:
    std::string config_;
};

ErrorInfo error_of(const std::shared_ptr<const Checkpoint>& checkpoint) {
    try {
        static_cast<void>(build_model(checkpoint, "tiny"));
    } catch (const Error& error) {
        return error.info();
    }
    return {ErrorKind::internal, "no error", {}};
}

ErrorInfo config_error(const json& config) { return error_of(std::make_shared<MemoryCheckpoint>(config)); }

} // namespace

class TestModelFamilies : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void absurd_configs_are_refused_data() {
        QTest::addColumn<QString>("field");
        QTest::addColumn<QString>("value"); // JSON; empty: the field is removed
        QTest::addColumn<QString>("says");
        QTest::newRow("missing width") << "hidden_size"
                                       << ""
                                       << "hidden_size";
        QTest::newRow("zero layers") << "num_hidden_layers"
                                     << "0"
                                     << "from 1 to 1024";
        QTest::newRow("many layers") << "num_hidden_layers"
                                     << "1025"
                                     << "1025";
        QTest::newRow("negative heads") << "num_attention_heads"
                                        << "-2"
                                        << "-2";
        QTest::newRow("text for a number") << "vocab_size"
                                           << "\"many\""
                                           << "many";
        QTest::newRow("2^63") << "vocab_size"
                              << "9223372036854775808"
                              << "9223372036854775808";
        QTest::newRow("fraction") << "intermediate_size"
                                  << "12.5"
                                  << "12.5";
        QTest::newRow("heads do not share") << "num_key_value_heads"
                                            << "3"
                                            << "share 3";
        QTest::newRow("epsilon") << "rms_norm_eps"
                                 << "-1"
                                 << "rms_norm_eps";
        QTest::newRow("width") << "hidden_size"
                               << "1048577"
                               << "1048577";
        QTest::newRow("odd head") << "head_dim"
                                  << "3"
                                  << "even";
        QTest::newRow("flag") << "tie_word_embeddings"
                              << "1"
                              << "true or false";
        QTest::newRow("activation") << "hidden_act"
                                    << "\"mish\""
                                    << "mish";
        QTest::newRow("rope type") << "rope_scaling"
                                   << R"({"rope_type":"spiral","factor":2})"
                                   << "spiral";
        QTest::newRow("long rope") << "rope_scaling"
                                   << R"({"rope_type":"longrope","short_factor":[1,1],"long_factor":[1]})"
                                   << "1 rotary long factors";
        QTest::newRow("rope factor") << "rope_parameters"
                                     << R"({"rope_type":"linear","factor":0})"
                                     << "rope_parameters.factor";
        QTest::newRow("rope divisors") << "rope_parameters"
                                       << R"({"frequency_divisors":[1,1,1]})"
                                       << "3 rotary";
        QTest::newRow("architecture") << "model_type"
                                      << "\"mamba\""
                                      << "mamba";
        QTest::newRow("no architecture") << "model_type"
                                         << ""
                                         << "names no architecture";
    }
    void absurd_configs_are_refused() {
        QFETCH(QString, field);
        QFETCH(QString, value);
        QFETCH(QString, says);
        json config = tiny_llama();
        if (value.isEmpty())
            config.erase(field.toStdString());
        else
            config[field.toStdString()] = json::parse(value.toStdString());
        const ErrorInfo error = config_error(config);
        QVERIFY2(QString::fromStdString(error.message).contains(says), error.message.c_str());
        QVERIFY2(error.message.starts_with("memory: "), error.message.c_str()); // the checkpoint's file
        QVERIFY(error.kind == ErrorKind::bad_input || error.kind == ErrorKind::unsupported);
    }

    void old_and_new_rope_keys_agree() {
        json old_keys = tiny_llama();
        old_keys["rope_theta"] = 5000.0;
        old_keys["rope_scaling"] = {{"type", "dynamic"}, {"factor", 2.0}};
        json new_keys = tiny_llama();
        new_keys["rope_parameters"] = {{"rope_type", "dynamic"}, {"factor", 2.0}, {"rope_theta", 5000.0}};
        for (const json& keys : {old_keys, new_keys}) {
            const auto model = build_model(std::make_shared<MemoryCheckpoint>(keys), "tiny");
            QVERIFY(model->config().rope.type == RopeConfig::Type::dynamic);
            QCOMPARE(model->config().rope.theta, 5000.0);
            QCOMPARE(model->config().rope.factor, 2.0);
        }
    }

    /// What transformers 5.24 takes where a configuration does not say it, printed by its classes.
    void defaults_are_those_of_transformers_data() {
        QTest::addColumn<QString>("type");
        QTest::addColumn<qlonglong>("positions");
        QTest::addColumn<double>("theta");
        QTest::newRow("llama") << "llama" << 2048LL << 1e4;
        QTest::newRow("mistral") << "mistral" << 131072LL << 1e4;
        QTest::newRow("qwen2") << "qwen2" << 32768LL << 1e4;
        QTest::newRow("qwen3") << "qwen3" << 32768LL << 1e4;
        QTest::newRow("gemma2") << "gemma2" << 8192LL << 1e4;
        QTest::newRow("gemma3") << "gemma3_text" << 131072LL << 1e6;
        QTest::newRow("phi3") << "phi3" << 4096LL << 1e4;
        QTest::newRow("olmo2") << "olmo2" << 2048LL << 1e4;
        QTest::newRow("mixtral") << "mixtral" << 131072LL << 1e6;
        QTest::newRow("qwen3_moe") << "qwen3_moe" << 32768LL << 1e4;
    }
    void defaults_are_those_of_transformers() {
        QFETCH(QString, type);
        QFETCH(qlonglong, positions);
        QFETCH(double, theta);
        json config = tiny_llama();
        config["model_type"] = type.toStdString();
        config["num_hidden_layers"] = 6; // the sixth of Gemma 3 sees everything
        config.erase("max_position_embeddings");
        for (const json& rope : {json(), json{{"rope_type", "default"}}}) {
            config["rope_parameters"] = type == "gemma3_text" ? json() : rope;
            const ModelConfig read = family_of(config.dump()).read_config(config.dump());
            QCOMPARE(qlonglong(read.max_positions), positions);
            QCOMPARE(read.rope.theta, theta);
        }
    }

    /// Where a field has two names, the second one counts in transformers; that they differ is said.
    void second_names_of_fields() {
        json gpt2 = {{"model_type", "gpt2"}, {"n_embd", 8},       {"n_layer", 2},
                     {"n_head", 4},          {"n_positions", 16}, {"vocab_size", 10}};
        const auto read = [](const json& config) { return family_of(config.dump()).read_config(config.dump()); };
        QVERIFY(read(gpt2).notes.empty());
        gpt2["num_attention_heads"] = 2;
        gpt2["num_hidden_layers"] = 2; // the same
        const ModelConfig two = read(gpt2);
        QCOMPARE(two.heads, std::int64_t{2});
        QCOMPARE(two.head_dim, std::int64_t{4});
        QCOMPARE(two.notes.size(), std::size_t{1});
        QVERIFY2(two.notes.front().find("\"n_head\" 4 and \"num_attention_heads\" 2") != std::string::npos,
                 two.notes.front().c_str());
        const ModelConfig only = read({{"model_type", "gpt2"},
                                       {"hidden_size", 8},
                                       {"num_hidden_layers", 3},
                                       {"num_attention_heads", 2},
                                       {"max_position_embeddings", 32},
                                       {"vocab_size", 10}});
        QCOMPARE(only.blocks, std::int64_t{3});
        QCOMPARE(only.max_positions, std::int64_t{32});
        QVERIFY(only.notes.empty());
        const ModelConfig bloom = read({{"model_type", "bloom"},
                                        {"hidden_size", 8},
                                        {"n_embed", 16},
                                        {"n_layer", 1},
                                        {"num_hidden_layers", 2},
                                        {"n_head", 2},
                                        {"pretraining_tp", 2},
                                        {"slow_but_exact", true}});
        QCOMPARE(bloom.hidden, std::int64_t{16});
        QCOMPARE(bloom.blocks, std::int64_t{2});
        QCOMPARE(bloom.notes.size(), std::size_t{3}); // the two pairs, and biases that transformers leaves out
        json mixtral = tiny_llama();
        mixtral.update({{"model_type", "mixtral"}, {"num_local_experts", 4}, {"num_experts", 2}});
        QCOMPARE(read(mixtral).experts, std::int64_t{2});
        json falcon = {{"model_type", "falcon"},
                       {"n_embed", 16},
                       {"num_attention_heads", 2},
                       {"num_hidden_layers", 1},
                       {"new_decoder_architecture", true},
                       {"multi_query", true},
                       {"parallel_attn", true}};
        QCOMPARE(read(falcon).hidden, std::int64_t{16});
        QVERIFY(read(falcon).notes.empty());
        falcon["parallel_attn"] = nullptr; // false to transformers
        GRATICULE_EXPECT_ERROR(ErrorKind::unsupported, "parallel_attn", static_cast<void>(read(falcon)));
        falcon["new_decoder_architecture"] = false;
        QVERIFY(!read(falcon).parallel);
        json windowed = tiny_llama();
        windowed.update({{"model_type", "qwen3_moe"}, {"use_sliding_window", true}, {"sliding_window", 8}});
        QCOMPARE(read(windowed).sliding_blocks, std::vector<std::uint8_t>{1});
    }

    /// "rope_scaling" beside nested "rope_parameters" changes the angles of full attention alone.
    void rope_scaling_of_gemma3() {
        json config = tiny_llama();
        config.update({{"model_type", "gemma3_text"},
                       {"rope_parameters",
                        {{"full_attention", {{"rope_type", "default"}, {"rope_theta", 5e5}}},
                         {"sliding_attention", {{"rope_type", "default"}, {"rope_theta", 2e4}}}}},
                       {"rope_scaling", {{"rope_type", "linear"}, {"factor", 8.0}}}});
        const auto read = [&] { return family_of(config.dump()).read_config(config.dump()); };
        const ModelConfig both = read();
        QVERIFY(both.rope.type == RopeConfig::Type::linear && both.rope.factor == 8 && both.rope.theta == 5e5);
        QVERIFY(both.sliding_rope->type == RopeConfig::Type::standard && both.sliding_rope->theta == 2e4);
        QVERIFY2(both.notes.empty(), both.notes.empty() ? "" : both.notes.front().c_str());
        config["rope_scaling"] = {{"type", "linear"}, {"factor", 8.0}};
        GRATICULE_EXPECT_ERROR(ErrorKind::unsupported, "\"rope_type\" alone", static_cast<void>(read()));
        config["rope_scaling"] = {{"rope_type", "linear"}, {"factor", 8.0}, {"curl", 3}};
        QCOMPARE(read().notes.size(), std::size_t{1});
        config["rope_scaling"].erase("curl");
        config.erase("rope_parameters");
        config.update({{"rope_theta", 7e5}, {"rope_local_base_freq", 3e4}});
        QVERIFY(read().rope.theta == 7e5 && read().rope.factor == 8 && read().sliding_rope->theta == 3e4);
        config.erase("rope_scaling");
        config["rope_parameters"] = {{"sliding_attention", {{"rope_type", "linear"}, {"factor", 2.0}}}};
        QVERIFY(read().rope.theta == 7e5 && read().rope.factor == 1 && read().sliding_rope->factor == 2);
        config["rope_parameters"] = {{"rope_type", "linear"}, {"factor", 8.0}};
        GRATICULE_EXPECT_ERROR(ErrorKind::unsupported, "one set for each kind of attention", static_cast<void>(read()));
    }

    void tensors_are_named_when_wrong() {
        const auto checkpoint = std::make_shared<MemoryCheckpoint>(tiny_llama());
        checkpoint->put("model.layers.0.mlp.up_proj.weight", {12, 9});
        const ErrorInfo wrong_shape = error_of(checkpoint);
        QVERIFY2(wrong_shape.message.find("mlp.up_proj.weight\" has shape [12, 9]") != std::string::npos,
                 wrong_shape.message.c_str());
        QVERIFY(wrong_shape.message.find("[12, 8]") != std::string::npos);
        QVERIFY(!wrong_shape.context.empty());

        const auto incomplete = std::make_shared<MemoryCheckpoint>(tiny_llama());
        incomplete->tensors_.erase("model.layers.0.self_attn.o_proj.weight");
        QVERIFY(error_of(incomplete).message.find("o_proj.weight") != std::string::npos);

        const auto integers = std::make_shared<MemoryCheckpoint>(tiny_llama());
        integers->tensors_["model.norm.weight"].dtype = DType::i32;
        QVERIFY(error_of(integers).message.find("model.norm.weight") != std::string::npos);
    }

    void unknown_tensors_are_warned_about() {
        const auto checkpoint = std::make_shared<MemoryCheckpoint>(tiny_llama());
        checkpoint->put("model.layers.0.self_attn.rotary_emb.inv_freq", {2}); // a buffer of old files: expected
        checkpoint->put("visual.tower.weight", {2, 2});
        const auto model = build_model(checkpoint, "tiny");
        QCOMPARE(model->parts().warnings.size(), std::size_t{1});
        QVERIFY(model->parts().warnings.front().find("visual.tower.weight") != std::string::npos);
    }

    void the_tied_matrix_under_the_heads_name() {
        json config = tiny_llama();
        config["tie_word_embeddings"] = true;
        const auto checkpoint = std::make_shared<MemoryCheckpoint>(config);
        checkpoint->tensors_.erase("model.embed_tokens.weight");
        const auto model = build_model(checkpoint, "tiny");
        QVERIFY(model->config().tied_head && !model->parts().head);
        QCOMPARE(model->parts().embedding.shape, (Shape{10, 8}));
        QVERIFY(model->parts().warnings.empty());
        const auto& seen = *model->parts().checkpoint; // what an export carries along
        QVERIFY(seen.contains("model.embed_tokens.weight") && !seen.contains("lm_head.weight"));
        const auto untied = std::make_shared<MemoryCheckpoint>(tiny_llama());
        untied->tensors_.erase("model.embed_tokens.weight");
        QVERIFY(error_of(untied).message.find("model.embed_tokens.weight") != std::string::npos);
    }

    void layout_of_a_gated_block() {
        const auto model = build_model(std::make_shared<MemoryCheckpoint>(tiny_llama()), "tiny");
        std::vector<std::string> names;
        for (const Linear& linear : model->linears()) names.push_back(linear.short_name);
        QCOMPARE(names, (std::vector<std::string>{"layers.0.self_attn.q_proj", "layers.0.self_attn.k_proj",
                                                  "layers.0.self_attn.v_proj", "layers.0.self_attn.o_proj",
                                                  "layers.0.mlp.gate_proj", "layers.0.mlp.up_proj",
                                                  "layers.0.mlp.down_proj"}));
        std::vector<std::string> folds;
        for (const FoldSite& site : model->fold_sites()) folds.push_back(site.name);
        // v -> o is not there: two query heads share one value head.
        QCOMPARE(folds, (std::vector<std::string>{"layers.0.qkv", "layers.0.gate_up", "layers.0.down"}));
        QVERIFY(model->fold_sites().front().judged_by_attention());
        QCOMPARE(model->input_sites().size(), std::size_t{4});
        QCOMPARE(model->site(SiteId{0}).consumers.size(), std::size_t{3});
        QCOMPARE(model->find_linear("layers.0.mlp.up_proj"), model->find_linear("model.layers.0.mlp.up_proj"));
        QCOMPARE(model->known_hash()->size(), std::size_t{64});
    }

    void every_family_row_is_complete() {
        std::vector<std::string_view> seen;
        for (const ModelFamily& family : all_families()) {
            QVERIFY(!family.name.empty() && !family.label.empty() && !family.help.empty());
            QVERIFY(family.read_config != nullptr && !family.model_types.empty() && !family.names.prefixes.empty());
            for (const std::string_view type : family.model_types) {
                QVERIFY(std::ranges::find(seen, type) == seen.end());
                seen.push_back(type);
            }
        }
    }
};

GRATICULE_TEST(TestModelFamilies);
#include "tst_model_families.moc"
