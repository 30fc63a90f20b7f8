#include "core/export/gguf_metadata.h"

#include <cmath>
#include <optional>

#include "core/base/error.h"
#include "core/model/llama3_rope.h"

namespace graticule {
namespace {

using RopeType = RopeConfig::Type;

/// How llama.cpp computes an architecture, whatever a file says.
struct FixedRow {
    std::string_view architecture;
    Activation activation;
    bool attention_biases; ///< it reads biases of q, k, v and the output
    bool mlp_biases;
    bool windows; ///< it has a key for the sliding window
};
constexpr FixedRow fixed_rows[] = {
    {"llama", Activation::silu, true, true, false},  {"qwen2", Activation::silu, true, false, false},
    {"qwen3", Activation::silu, true, false, false}, {"gemma2", Activation::gelu_tanh, false, false, true},
    {"phi3", Activation::silu, false, false, true},  {"gpt2", Activation::gelu_tanh, true, true, false},
};

const FixedRow& fixed_row(const GgufArchitecture& architecture) {
    for (const FixedRow& row : fixed_rows)
        if (row.architecture == architecture.name) return row;
    throw Error(ErrorKind::internal, "an architecture without its row: " + std::string(architecture.name));
}

std::string number(double value) {
    char digits[32];
    std::snprintf(digits, sizeof digits, "%g", value);
    return digits;
}

/// What llama.cpp multiplies q k^T with. Gemma 2 27B, which it knows by its 46 blocks, differs.
double attention_scale(const ModelConfig& config, const GgufArchitecture& architecture) {
    const bool by_width = architecture.name == "gemma2" && config.blocks == 46;
    const double width = by_width ? double(config.hidden) / double(config.heads) : double(config.head_dim);
    return 1 / std::sqrt(width);
}

bool alternates(const ModelConfig& config) {
    for (std::size_t block = 0; block < config.sliding_blocks.size(); ++block)
        if (config.sliding_blocks[block] != (block % 2 == 0 ? 1 : 0)) return false;
    return true;
}

std::vector<float> as_floats(const std::vector<double>& values) { return {values.begin(), values.end()}; }

std::int64_t rotary_dimensions(const ModelConfig& config) {
    return config.rope.rotary_dim == 0 ? config.head_dim : config.rope.rotary_dim;
}

void add_rope(const ModelConfig& config, const std::string& prefix, GgufEntries& entries) {
    const RopeConfig& rope = config.rope;
    const std::string scaling = prefix + "rope.scaling.";
    entries.u32(prefix + "rope.dimension_count", static_cast<std::uint32_t>(rotary_dimensions(config)));
    entries.f32(prefix + "rope.freq_base", static_cast<float>(rope.theta));
    if (rope.type == RopeType::linear) {
        entries.text(scaling + "type", "linear");
        entries.f32(scaling + "factor", static_cast<float>(rope.factor));
    }
    if (rope.type != RopeType::yarn && rope.type != RopeType::longrope) return;
    double own = 1; // llama.cpp's correction for yarn, which the file's factor multiplies
    if (rope.type == RopeType::yarn) {
        if (rope.factor > 1) own = 0.1 * std::log(rope.factor) + 1;
        entries.text(scaling + "type", "yarn");
        entries.f32(scaling + "factor", static_cast<float>(rope.factor));
        if (rope.beta_fast != 32) entries.f32(scaling + "yarn_beta_fast", static_cast<float>(rope.beta_fast));
        if (rope.beta_slow != 1) entries.f32(scaling + "yarn_beta_slow", static_cast<float>(rope.beta_slow));
    }
    entries.u32(scaling + "original_context_length", static_cast<std::uint32_t>(rope.original_positions));
    const auto factor = static_cast<float>(rope.attention_factor / own);
    if (factor != 1) entries.f32(scaling + "attn_factor", factor);
}

} // namespace

Diagnostics check_gguf_config(const Model& model, const GgufArchitecture& architecture) {
    const ModelConfig& config = model.config();
    const FixedRow& row = fixed_row(architecture);
    const std::string name = "llama.cpp's " + std::string(architecture.name);
    const std::string elsewhere = "; export to compressed-tensors instead";
    Diagnostics all;
    const auto refuse = [&](const std::string& what) { all.add(Severity::error, "", what + elsewhere); };
    if (config.activation != row.activation) refuse("the MLP's activation is another than " + name + " computes");
    const double scale = attention_scale(config, architecture);
    if (std::fabs(config.attention_scale / scale - 1) > 1e-9)
        refuse("attention scores are multiplied by " + number(config.attention_scale) + ", and " + name +
               " has no key for that: it takes " + number(scale));
    if ((config.biases.qkv || config.biases.output) && !row.attention_biases)
        refuse("attention has biases, which " + name + " does not read");
    if (config.biases.mlp && !row.mlp_biases) refuse("the MLP has biases, which " + name + " does not read");
    if (config.rope.type == RopeType::dynamic)
        refuse("rotary angles scale with the length of the text (\"dynamic\"), which llama.cpp does not do");
    if (config.rope.type == RopeType::yarn && !config.rope.truncate)
        refuse("YaRN with \"truncate\" false has no key in GGUF");
    if (architecture.name == "llama" && config.rope.rotary_dim != 0)
        refuse("rotary angles cover " + std::to_string(config.rope.rotary_dim) + " of " +
               std::to_string(config.head_dim) + " dimensions of a head, which " + name + " does not do");
    if (architecture.name == "gemma2" && config.sliding_window && !alternates(config))
        refuse("the blocks with a sliding window are not every other one, as " + name + " has them");
    if (config.sliding_window && !row.windows)
        all.add(Severity::warning, "",
                name + " has no sliding window: texts longer than the model's " +
                    std::to_string(*config.sliding_window) + " tokens get other results there");
    return all;
}

void add_gguf_config(const Model& model, const GgufArchitecture& architecture, GgufEntries& entries) {
    const ModelConfig& config = model.config();
    const std::string prefix = std::string(architecture.name) + ".";
    const auto whole = [&](const char* key, std::int64_t value) {
        entries.u32(prefix + key, static_cast<std::uint32_t>(value));
    };
    whole("context_length", config.max_positions);
    whole("embedding_length", config.hidden);
    whole("block_count", config.blocks);
    whole("feed_forward_length", config.mlp_hidden);
    whole("attention.head_count", config.heads);
    whole("vocab_size", config.vocabulary);
    const auto epsilon = static_cast<float>(config.norm_epsilon);
    if (config.norm == NormKind::layer) {
        entries.f32(prefix + "attention.layer_norm_epsilon", epsilon);
        return; // GPT-2: learned positions, as many key-value heads as heads
    }
    entries.f32(prefix + "attention.layer_norm_rms_epsilon", epsilon);
    whole("attention.head_count_kv", config.kv_heads);
    whole("attention.key_length", config.head_dim);
    whole("attention.value_length", config.head_dim);
    if (config.sliding_window && fixed_row(architecture).windows)
        whole("attention.sliding_window", *config.sliding_window);
    if (architecture.name == "gemma2") {
        entries.f32(prefix + "attn_logit_softcapping", static_cast<float>(config.attention_softcap));
        entries.f32(prefix + "final_logit_softcapping", static_cast<float>(config.logit_softcap));
    }
    add_rope(config, prefix, entries);
}

std::vector<std::pair<std::string, std::vector<float>>> gguf_rotary_tensors(const ModelConfig& config) {
    const RopeConfig& rope = config.rope;
    if (!rope.frequency_divisors.empty()) return {{"rope_freqs.weight", as_floats(rope.frequency_divisors)}};
    if (rope.type == RopeType::llama3)
        return {{"rope_freqs.weight", as_floats(llama3_divisors(rope, rotary_dimensions(config)))}};
    if (rope.type == RopeType::longrope)
        return {{"rope_factors_long.weight", as_floats(rope.long_factors)},
                {"rope_factors_short.weight", as_floats(rope.short_factors)}};
    return {};
}

} // namespace graticule
