// config.json from GGUF metadata. The keys on the left are transformers', those on the right llama.cpp's (formats.md
// section 9.4).
#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "core/base/error.h"
#include "core/io/gguf/gguf_architecture.h"
#include "core/model/config_reader.h"
#include "core/model/llama3_rope.h"

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

/// Keys under the architecture's name that change no result, whatever their values, and why.
struct HarmlessKey {
    std::string_view key, reason;
};
constexpr HarmlessKey harmless_keys[] = {
    {"vocab_size", "the embedding has as many rows"},
    {"rope.scaling.finetuned", "says how the model was trained"},
    {"tensor_data_layout", "the order of q and k rows, which the architecture fixes"},
    {"expert_used_count", "experts of a model that has none (expert_count 0)"},
    {"expert_feed_forward_length", "the same"},
    {"context_length", "learned positions say it themselves"},
    {"rope.dimension_count", "the architecture has no rotary positions"},
};

/// Keys that another arithmetic than the one done hangs on: these values, and 0 for "off", switch it off.
struct RequiredKey {
    std::string_view key;
    double neutral;
};
constexpr RequiredKey required_keys[] = {
    {"expert_count", 0},
    {"attention.scale", 0},
    {"attention.clamp_kqv", 0},
    {"attention.max_alibi_bias", 0},
    {"attn_logit_softcapping", 0},
    {"final_logit_softcapping", 0},
    {"logit_scale", 1},
    {"residual_scale", 1},
    {"embedding_scale", 1},
    {"attention.causal", 1},
    {"pooling_type", 0},
    {"use_parallel_residual", 0},
    {"rope.scaling.attn_factor", 1},
    {"rope.scaling.yarn_log_multiplier", 0},
    {"rope.scaling.yarn_ext_factor", 1},
    {"rope.scaling.yarn_attn_factor", 1},
    {"rope.scaling.alpha", 1},
};

/// The factor of LLaMA 3.1 to 3.3's rule where these are its divisors: other programs know the rule, not the divisors.
constexpr std::int64_t published_positions = 8192;
std::optional<double> published_llama3(const std::vector<float>& divisors, double theta) {
    RopeConfig rule;
    rule.type = RopeConfig::Type::llama3;
    rule.theta = theta;
    rule.factor = static_cast<double>(std::ranges::max(divisors));
    rule.original_positions = published_positions;
    const std::vector<double> of_rule = llama3_divisors(rule, 2 * std::ssize(divisors));
    for (std::size_t i = 0; i < divisors.size(); ++i)
        if (!(std::fabs(of_rule[i] / static_cast<double>(divisors[i]) - 1) < 1e-5)) return std::nullopt;
    return rule.factor > 1 ? std::optional(rule.factor) : std::nullopt;
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

    /// From 1 to `most`.
    std::uint64_t whole(const char* field, const std::string& key, std::int64_t most) {
        const auto value = single(key);
        if (!value) bad("no \"" + prefix_ + key + "\" in the metadata; convert the model again");
        check_range(key, *value, most);
        config_[field] = *value;
        return *value;
    }
    void whole_if_there(const char* field, const std::string& key, std::int64_t most) {
        const auto value = single(key);
        if (!value) return;
        check_range(key, *value, most);
        config_[field] = *value;
    }
    /// A limit that 0 switches off.
    void limit_if_there(const char* field, const std::string& key) {
        if (const auto value = single(key)) config_[field] = *value;
    }
    void real_if_there(const char* field, const std::string& key) {
        if (const auto value = real(key)) config_[field] = short_real(*value);
    }
    /// llama.cpp opens no file without it, either: another one would be another model.
    void epsilon(const char* field, const std::string& key) {
        const auto value = real(key);
        if (!value) bad("no \"" + prefix_ + key + "\" in the metadata; convert the model again");
        if (*value < 0 || *value > 1)
            bad("metadata \"" + prefix_ + key + "\" is " + metadata_.shown(prefix_ + key) +
                "; a number from 0 to 1 is expected: convert the model again");
        config_[field] = short_real(*value);
    }
    void token_id(const char* field, const char* key) {
        if (const auto value = metadata_.whole(std::string("tokenizer.ggml.") + key)) config_[field] = *value;
    }
    template <class T>
    void set(const char* field, T value) {
        config_[field] = std::move(value);
    }

    /// One number, or one for each block as long as they are all the same.
    std::optional<std::uint64_t> single(const std::string& key) {
        asked_.insert(prefix_ + key);
        const auto values = metadata_.wholes(prefix_ + key);
        if (!values) return std::nullopt;
        if (values->empty() || values->front() < 0) bad("metadata \"" + prefix_ + key + "\" holds no number from 0 up");
        if (!std::all_of(values->begin(), values->end(), [&](std::int64_t v) { return v == values->front(); }))
            unsupported("metadata \"" + prefix_ + key + "\" differs from block to block, which is not supported");
        return static_cast<std::uint64_t>(values->front());
    }
    std::optional<double> real(const std::string& key) {
        asked_.insert(prefix_ + key);
        return metadata_.real(prefix_ + key);
    }

    void require_equal(const std::string& key, std::uint64_t value, const std::string& other) {
        const auto found = single(key);
        if (found && *found != value)
            unsupported("metadata \"" + prefix_ + key + "\" is " + std::to_string(*found) + " and " + prefix_ + other +
                        " " + std::to_string(value) + "; different ones are not done");
    }

    void rope(const GgufContents& contents) {
        real_if_there("rope_theta", "rope.freq_base");
        asked_.insert(prefix_ + "rope.scaling.type");
        // As llama.cpp: a factor without a type is that of linear scaling, and a factor of 0 is none.
        std::string type = metadata_.text(prefix_ + "rope.scaling.type").value_or("linear");
        double factor = real("rope.scaling.factor").value_or(real("rope.scale_linear").value_or(1));
        if (factor == 0 || type == "none") factor = 1;
        const bool long_factors = !contents.short_factors.empty() || !contents.long_factors.empty();
        json scaling = json::object();
        if (long_factors || type == "longrope") {
            if (contents.short_factors.empty() || contents.long_factors.empty())
                bad("long contexts need the tensors \"rope_factors_short.weight\" and \"rope_factors_long.weight\", "
                    "and "
                    "one is missing; convert the model again");
            if (factor != 1)
                unsupported("metadata \"" + prefix_ + "rope.scaling.factor\" is " + std::to_string(factor) +
                            " beside rope_factors_long, which is not done");
            type = "longrope";
            scaling["short_factor"] = contents.short_factors;
            scaling["long_factor"] = contents.long_factors;
            scaling["attention_factor"] = attention_factor(1);
        } else if (type == "yarn") {
            scaling["attention_factor"] = attention_factor(factor > 1 ? 0.1 * std::log(factor) + 1 : 1);
            for (const char* end : {"fast", "slow"})
                if (const auto beta = real("rope.scaling.yarn_beta_" + std::string(end)))
                    scaling["beta_" + std::string(end)] = short_real(*beta);
        } else if (type != "none" && type != "linear") {
            unsupported("metadata \"" + prefix_ + "rope.scaling.type\" is \"" + type +
                        "\", which is not done; none, linear, yarn and longrope are");
        }
        if (type == "yarn" || type == "longrope" || (type == "linear" && factor != 1)) scaling["rope_type"] = type;
        if (!contents.rope_divisors.empty()) { // LLaMA 3.1: the divisors themselves rather than what made them
            if (scaling.contains("rope_type"))
                unsupported("the tensor \"rope_freqs.weight\" beside rope.scaling.type " + type + " is not done");
            if (const auto factor_of_rule =
                    published_llama3(contents.rope_divisors, real("rope.freq_base").value_or(10000))) {
                config_["rope_scaling"] = {{"rope_type", "llama3"},
                                           {"factor", *factor_of_rule},
                                           {"low_freq_factor", 1.0},
                                           {"high_freq_factor", 4.0},
                                           {"original_max_position_embeddings", published_positions}};
                static_cast<void>(single("rope.scaling.original_context_length"));
                return;
            }
            scaling["rope_type"] = "default";
            scaling["frequency_divisors"] = contents.rope_divisors;
        }
        const auto original = single("rope.scaling.original_context_length"); // 0: not said
        if (scaling.empty()) return;
        scaling["factor"] = short_real(factor);
        if (original && *original > 0) scaling["original_max_position_embeddings"] = *original;
        if (original && *original > 0 && config_["model_type"] == "phi3") // which reads it beside the set
            config_["original_max_position_embeddings"] = *original;
        config_["rope_scaling"] = scaling;
    }

    /// What nobody asked for: known to change nothing, refused, or said.
    void look_at_the_rest(std::vector<std::string>& warnings) const {
        std::string unknown;
        for (const std::string& key : metadata_.keys()) {
            if (!key.starts_with(prefix_) || asked_.contains(key)) continue;
            const std::string_view rest = std::string_view(key).substr(prefix_.size());
            const auto required = std::ranges::find(required_keys, rest, &RequiredKey::key);
            if (required != std::end(required_keys)) {
                const auto flag = key.ends_with(".causal") || key.ends_with("parallel_residual");
                const double value = flag ? metadata_.flag(key).value_or(false) : metadata_.real(key).value_or(0);
                if (value != required->neutral && (value != 0 || flag))
                    unsupported("metadata \"" + key + "\" is " + metadata_.shown(key) +
                                ", and the arithmetic that it asks for is not done");
            } else if (std::ranges::find(harmless_keys, rest, &HarmlessKey::key) == std::end(harmless_keys)) {
                unknown += (unknown.empty() ? "" : ", ") + key + " = " + metadata_.shown(key);
            }
        }
        if (!unknown.empty())
            warnings.push_back("the metadata has keys that this program does not know: " + unknown +
                               "; what they change, if anything, is not computed");
    }

    std::string text() const { return config_.dump(2) + "\n"; }

private:
    [[noreturn]] void bad(const std::string& what) const {
        throw Error(ErrorKind::bad_input, file_.path().string() + ": " + what);
    }
    [[noreturn]] void unsupported(const std::string& what) const {
        throw Error(ErrorKind::unsupported, file_.path().string() + ": " + what);
    }
    void check_range(const std::string& key, std::uint64_t value, std::int64_t most) const {
        if (value < 1 || value > static_cast<std::uint64_t>(most))
            bad("metadata \"" + prefix_ + key + "\" is " + std::to_string(value) + "; 1 to " + std::to_string(most) +
                " are possible; the file is damaged, or made wrong: convert the model again");
    }
    /// What multiplies cosine and sine: llama.cpp's own factor times what the file says of it (0: nothing).
    double attention_factor(double own) {
        const double stated = real("rope.scaling.attn_factor").value_or(1);
        return own * short_real(stated == 0 ? 1 : stated).get<double>();
    }

    const GgufFile& file_;
    const GgufMetadata& metadata_;
    std::string prefix_;
    json config_ = json::object();
    std::set<std::string> asked_;
};

void write_gpt2(ConfigWriter& config) {
    config.whole("n_embd", "embedding_length", limits::width);
    config.whole("n_layer", "block_count", limits::blocks);
    config.whole("n_head", "attention.head_count", limits::heads);
    config.whole("n_positions", "context_length", limits::positions);
    config.whole_if_there("n_inner", "feed_forward_length", limits::width);
    config.epsilon("layer_norm_epsilon", "attention.layer_norm_epsilon");
    config.set("activation_function", "gelu_new");
}

void write_decoder(ConfigWriter& config, const GgufArchitecture& architecture, const GgufContents& contents) {
    const std::uint64_t hidden = config.whole("hidden_size", "embedding_length", limits::width);
    const std::uint64_t heads = config.whole("num_attention_heads", "attention.head_count", limits::heads);
    const std::uint64_t blocks = config.whole("num_hidden_layers", "block_count", limits::blocks);
    config.whole("intermediate_size", "feed_forward_length", limits::width);
    config.whole_if_there("num_key_value_heads", "attention.head_count_kv", limits::heads);
    config.whole_if_there("max_position_embeddings", "context_length", limits::positions);
    config.epsilon("rms_norm_eps", "attention.layer_norm_rms_epsilon");
    config.set("head_dim", hidden / heads);
    config.whole_if_there("head_dim", "attention.key_length", limits::width);
    const std::uint64_t head_dim = config.single("attention.key_length").value_or(hidden / heads);
    config.require_equal("attention.value_length", head_dim, "attention.key_length");
    config.rope(contents);
    if (architecture.name == "llama") // llama.cpp opens no other, either
        config.require_equal("rope.dimension_count", head_dim, "attention.key_length (or the width of a head)");
    if (const auto rotary = config.single("rope.dimension_count"); rotary && *rotary > 0 && *rotary < head_dim) {
        if (architecture.name == "phi3")
            config.set("partial_rotary_factor", static_cast<double>(*rotary) / static_cast<double>(head_dim));
        else
            config.set("rotary_dimensions", *rotary); // of these, transformers has no such models
    }
    if (architecture.name == "gemma2") {
        config.set("hidden_activation", "gelu_pytorch_tanh");
        config.real_if_there("attn_logit_softcapping", "attn_logit_softcapping");
        config.real_if_there("final_logit_softcapping", "final_logit_softcapping");
        config.limit_if_there("sliding_window", "attention.sliding_window");
        // Not in the metadata; llama.cpp tells the 27B model, the one that differs, by its 46 blocks.
        config.set("query_pre_attn_scalar", blocks == 46 ? hidden / heads : head_dim);
        return;
    }
    config.set("hidden_act", "silu");
    if (architecture.name == "phi3") config.limit_if_there("sliding_window", "attention.sliding_window");
    if (architecture.name == "llama" || architecture.name == "qwen3")
        config.set("attention_bias", contents.has_attention_bias);
    if (architecture.name == "llama") config.set("mlp_bias", contents.has_mlp_bias);
}

} // namespace

std::string gguf_config_json(const GgufFile& file, const GgufArchitecture& architecture, const GgufContents& contents,
                             std::vector<std::string>& warnings) {
    ConfigWriter config(file, architecture);
    if (architecture.name == "gpt2")
        write_gpt2(config);
    else
        write_decoder(config, architecture, contents);
    if (contents.embedding != nullptr)
        config.set("vocab_size", contents.embedding->shape.front());
    else if (const auto tokens = file.metadata().array_size("tokenizer.ggml.tokens"))
        config.set("vocab_size", *tokens);
    config.set("tie_word_embeddings", !contents.has_head);
    config.token_id("bos_token_id", "bos_token_id");
    config.token_id("eos_token_id", "eos_token_id");
    config.token_id("pad_token_id", "padding_token_id");
    config.look_at_the_rest(warnings);
    return config.text();
}

} // namespace graticule
