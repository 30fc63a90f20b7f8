// config.json from GGUF metadata. The keys on the left are transformers', those on the right llama.cpp's (formats.md
// section 9.4).
#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/io/gguf/gguf_architecture.h"

namespace graticule {
namespace {

using nlohmann::json;

/// Metadata holds 32-bit floats: 1e-05 must not become 9.999999747378752e-06 in the JSON.
json short_real(double value) {
    char text[32];
    const auto end = std::to_chars(text, text + sizeof text, static_cast<float>(value)).ptr;
    double shortest = value;
    std::from_chars(text, end, shortest);
    return shortest;
}

class ConfigWriter {
public:
    ConfigWriter(const GgufFile& file, const GgufArchitecture& architecture)
        : file_(file)
        , metadata_(file.metadata())
        , prefix_(std::string(architecture.name) + ".") {
        config_["model_type"] = architecture.model_type;
        config_["architectures"] = {architecture.class_name};
    }

    std::uint64_t whole(const char* field, const std::string& key) {
        const auto value = single(key);
        if (!value)
            throw Error(ErrorKind::bad_input, file_.path().string() + ": no \"" + prefix_ + key + "\" in the metadata");
        config_[field] = *value;
        return *value;
    }
    void whole_if_there(const char* field, const std::string& key) {
        if (const auto value = single(key)) config_[field] = *value;
    }
    void real_if_there(const char* field, const std::string& key) {
        if (const auto value = metadata_.real(prefix_ + key)) config_[field] = short_real(*value);
    }
    void token_id(const char* field, const char* key) {
        if (const auto value = metadata_.whole(std::string("tokenizer.ggml.") + key)) config_[field] = *value;
    }
    template <class T>
    void set(const char* field, T value) {
        config_[field] = std::move(value);
    }
    json& operator[](const char* field) { return config_[field]; }

    /// One number, or one for each block as long as they are all the same.
    std::optional<std::uint64_t> single(const std::string& key) const {
        const auto values = metadata_.wholes(prefix_ + key);
        if (!values) return std::nullopt;
        if (values->empty() || values->front() < 0)
            throw Error(ErrorKind::bad_input,
                        file_.path().string() + ": metadata \"" + prefix_ + key + "\" holds no number from 0 up");
        if (!std::all_of(values->begin(), values->end(), [&](std::int64_t v) { return v == values->front(); }))
            throw Error(ErrorKind::unsupported, file_.path().string() + ": metadata \"" + prefix_ + key +
                                                    "\" differs from block to block, which is not supported");
        return static_cast<std::uint64_t>(values->front());
    }

    void rope(const std::vector<float>& divisors) {
        real_if_there("rope_theta", "rope.freq_base");
        const std::string type = metadata_.text(prefix_ + "rope.scaling.type").value_or("none");
        const auto factor = metadata_.real(prefix_ + "rope.scaling.factor");
        json scaling = json::object();
        if (type != "none" && (type != "linear" || factor.value_or(1) != 1)) scaling["rope_type"] = type;
        if (!divisors.empty()) { // LLaMA 3.1: the frequencies' divisors themselves rather than what they were made from
            scaling["rope_type"] = "default";
            scaling["frequency_divisors"] = divisors;
        }
        if (scaling.empty()) return;
        if (factor) scaling["factor"] = short_real(*factor);
        if (const auto original = single("rope.scaling.original_context_length"))
            scaling["original_max_position_embeddings"] = *original;
        config_["rope_scaling"] = scaling;
    }

    const GgufMetadata& metadata() const { return metadata_; }
    std::string text() const { return config_.dump(2) + "\n"; }

private:
    const GgufFile& file_;
    const GgufMetadata& metadata_;
    std::string prefix_;
    json config_ = json::object();
};

void write_gpt2(ConfigWriter& config) {
    config.whole("n_embd", "embedding_length");
    config.whole("n_layer", "block_count");
    config.whole("n_head", "attention.head_count");
    config.whole("n_positions", "context_length");
    config.whole_if_there("n_inner", "feed_forward_length");
    config.real_if_there("layer_norm_epsilon", "attention.layer_norm_epsilon");
    config.set("activation_function", "gelu_new");
}

void write_decoder(ConfigWriter& config, const GgufArchitecture& architecture, bool has_query_bias,
                   const std::vector<float>& rope_divisors) {
    const std::uint64_t hidden = config.whole("hidden_size", "embedding_length");
    const std::uint64_t heads = config.whole("num_attention_heads", "attention.head_count");
    const std::uint64_t blocks = config.whole("num_hidden_layers", "block_count");
    config.whole("intermediate_size", "feed_forward_length");
    config.whole_if_there("num_key_value_heads", "attention.head_count_kv");
    config.whole_if_there("max_position_embeddings", "context_length");
    config.real_if_there("rms_norm_eps", "attention.layer_norm_rms_epsilon");
    const std::uint64_t head_dim = config.single("attention.key_length").value_or(heads > 0 ? hidden / heads : 0);
    config.set("head_dim", head_dim);
    config.rope(rope_divisors);
    if (const auto rotary = config.single("rope.dimension_count"); rotary && head_dim > 0 && *rotary < head_dim)
        config.set("partial_rotary_factor", static_cast<double>(*rotary) / static_cast<double>(head_dim));
    if (architecture.name == "gemma2") {
        config.set("hidden_activation", "gelu_pytorch_tanh");
        config.real_if_there("attn_logit_softcapping", "attn_logit_softcapping");
        config.real_if_there("final_logit_softcapping", "final_logit_softcapping");
        config.whole_if_there("sliding_window", "attention.sliding_window");
        // Not in the metadata; llama.cpp tells the 27B model, the one that differs, by its 46 blocks.
        config.set("query_pre_attn_scalar", blocks == 46 && heads > 0 ? hidden / heads : head_dim);
        return;
    }
    config.set("hidden_act", "silu");
    if (architecture.name == "phi3") config.whole_if_there("sliding_window", "attention.sliding_window");
    if (architecture.name == "llama" || architecture.name == "qwen3") config.set("attention_bias", has_query_bias);
}

} // namespace

std::string gguf_config_json(const GgufFile& file, const GgufArchitecture& architecture, const GgufTensor* embedding,
                             bool has_head, bool has_query_bias, const std::vector<float>& rope_divisors) {
    ConfigWriter config(file, architecture);
    if (architecture.name == "gpt2")
        write_gpt2(config);
    else
        write_decoder(config, architecture, has_query_bias, rope_divisors);
    if (embedding != nullptr)
        config.set("vocab_size", embedding->shape.front());
    else if (const auto tokens = file.metadata().array_size("tokenizer.ggml.tokens"))
        config.set("vocab_size", *tokens);
    config.set("tie_word_embeddings", !has_head);
    config.token_id("bos_token_id", "bos_token_id");
    config.token_id("eos_token_id", "eos_token_id");
    config.token_id("pad_token_id", "padding_token_id");
    return config.text();
}

} // namespace graticule
