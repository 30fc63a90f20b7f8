// Configurations with missing or absurd fields, and what building a model finds in a checkpoint.
#include <QtTest/QTest>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/io/checkpoint.h"
#include "core/model/family.h"
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
