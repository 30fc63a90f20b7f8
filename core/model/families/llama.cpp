// The LLaMA line: RMSNorm, rotary positions, gated SiLU. LLaMA, Mistral (sliding window), Qwen2 (biases on q, k, v) and
// Qwen3 (norms on q and k) differ in defaults and optional tensors only; Gemma 2 and Phi-3 have rows of their own.
// Defaults of absent fields are those of transformers (formats.md section 4.2).
#include "core/model/families/families.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/model/config_reader.h"

namespace graticule {

namespace {

/// Which blocks see a sliding window: `layer_types` where it is given, else `otherwise` for each.
std::vector<std::uint8_t> sliding_blocks(const ConfigReader& config, const ModelConfig& model,
                                         std::uint8_t (*otherwise)(std::int64_t block)) {
    std::vector<std::uint8_t> sliding;
    for (const std::string& type : config.texts("layer_types")) {
        if (type != "sliding_attention" && type != "full_attention")
            throw Error(ErrorKind::unsupported,
                        "layer type \"" + type + "\" is not done; full_attention and sliding_attention are");
        sliding.push_back(type == "sliding_attention" ? 1 : 0);
    }
    if (sliding.empty() && !config.has("layer_types"))
        for (std::int64_t block = 0; block < model.blocks; ++block) sliding.push_back(otherwise(block));
    return sliding;
}

/// What all rows of this file share. `default_head_dim` 0: hidden / heads.
ModelConfig read_shared(const ConfigReader& config, bool tied, std::int64_t default_head_dim, double default_epsilon) {
    ModelConfig model;
    read_common(config, tied, model);
    model.hidden = config.integer("hidden_size", limits::width);
    model.blocks = config.integer("num_hidden_layers", limits::blocks);
    model.heads = config.integer("num_attention_heads", limits::heads);
    model.kv_heads = config.integer("num_key_value_heads", limits::heads, model.heads);
    model.mlp_hidden = config.integer("intermediate_size", limits::width);
    model.vocabulary = config.integer("vocab_size", limits::vocabulary);
    model.embedding_width = model.hidden;
    model.max_positions = config.integer("max_position_embeddings", limits::positions, 2048);
    if (default_head_dim == 0 && !config.has("head_dim") && model.hidden % model.heads != 0)
        throw Error(ErrorKind::bad_input, "\"hidden_size\" " + std::to_string(model.hidden) +
                                              " is not a multiple of \"num_attention_heads\" " +
                                              std::to_string(model.heads) + " and there is no \"head_dim\"");
    model.head_dim = config.integer("head_dim", limits::width,
                                    default_head_dim == 0 ? model.hidden / model.heads : default_head_dim);
    model.norm = NormKind::rms;
    model.norm_epsilon = config.real("rms_norm_eps", default_epsilon, 0, 1);
    model.activation = parse_activation("hidden_act", config.text("hidden_act", "silu"));
    model.rope = read_rope(config, 10000, model.head_dim, model.max_positions);
    model.attention_scale = 1 / std::sqrt(static_cast<double>(model.head_dim));
    return model;
}

ModelConfig read_llama(const std::string& json) {
    const ConfigReader config(json);
    const std::string type = config.text("model_type", "llama");
    ModelConfig model = read_shared(config, false, type == "qwen3" ? 128 : 0, 1e-6);
    const bool windowed = type == "mistral" || (type != "llama" && config.flag("use_sliding_window", false));
    // As transformers: Mistral has a window of 4096 where the field is absent, and none where it is null (v0.2 on).
    if (windowed && config.has("sliding_window"))
        model.sliding_window = config.integer("sliding_window", limits::positions);
    else if (windowed && config.absent("sliding_window"))
        model.sliding_window = 4096;
    if (model.sliding_window) {
        model.sliding_blocks = sliding_blocks(
            config, model, +[](std::int64_t) { return std::uint8_t{1}; });
        const std::int64_t first = type == "mistral" ? 0 : config.integer("max_window_layers", limits::blocks, 28);
        if (!config.has("layer_types"))
            for (std::int64_t block = 0; block < std::min(first, model.blocks); ++block)
                model.sliding_blocks[static_cast<std::size_t>(block)] = 0;
    }
    check_config(model);
    return model;
}

ModelConfig read_gemma2(const std::string& json) {
    const ConfigReader config(json);
    ModelConfig model = read_shared(config, true, 256, 1e-6);
    model.norm = NormKind::rms_plus_one;
    model.activation = parse_activation(
        "hidden_activation", config.text("hidden_activation", config.text("hidden_act", "gelu_pytorch_tanh")));
    model.attention_scale = 1 / std::sqrt(config.real("query_pre_attn_scalar", 256, 1e-6, 1e9));
    const auto cap = [&](const char* field, double fallback) { // null switches a cap off
        return config.real(field, config.absent(field) ? fallback : 0, 1e-6, 1e9);
    };
    model.attention_softcap = cap("attn_logit_softcapping", 50);
    model.logit_softcap = cap("final_logit_softcapping", 30);
    model.embedding_scale = std::sqrt(static_cast<double>(model.hidden));
    model.sliding_window = config.integer("sliding_window", limits::positions, 4096);
    model.sliding_blocks = sliding_blocks(
        config, model, +[](std::int64_t block) { return static_cast<std::uint8_t>(block % 2 == 0); });
    check_config(model);
    return model;
}

ModelConfig read_phi3(const std::string& json) {
    const ConfigReader config(json);
    ModelConfig model = read_shared(config, false, 0, 1e-5);
    if (config.has("sliding_window")) {
        model.sliding_window = config.integer("sliding_window", limits::positions);
        model.sliding_blocks.assign(static_cast<std::size_t>(model.blocks), 1);
    }
    check_config(model);
    return model;
}

ModelFamily::Names llama_names() {
    ModelFamily::Names names;
    names.prefixes = {"model.", ""};
    names.embedding = "embed_tokens";
    names.final_norm = "norm";
    names.head = "lm_head";
    names.block = "layers.{N}.";
    names.attention_norm = "input_layernorm";
    names.mlp_norm = "post_attention_layernorm";
    names.query_norm = "self_attn.q_norm";
    names.key_norm = "self_attn.k_norm";
    names.q = "self_attn.q_proj";
    names.k = "self_attn.k_proj";
    names.v = "self_attn.v_proj";
    names.o = "self_attn.o_proj";
    names.gate = "mlp.gate_proj";
    names.up = "mlp.up_proj";
    names.down = "mlp.down_proj";
    return names;
}

} // namespace

ModelFamily llama_family() {
    ModelFamily family;
    family.name = "llama";
    family.label = "LLaMA";
    family.model_types = {"llama", "mistral", "qwen2", "qwen3"};
    family.help = "LLaMA 1 to 3, Mistral, Qwen2, Qwen3 and what shares their layout (SmolLM2, TinyLlama)";
    family.read_config = read_llama;
    family.names = llama_names();
    return family;
}

ModelFamily gemma2_family() {
    ModelFamily family;
    family.name = "gemma2";
    family.label = "Gemma 2";
    family.model_types = {"gemma2"};
    family.help = "Gemma 2: norms before and after each module, soft-capped scores, alternating windows";
    family.read_config = read_gemma2;
    family.names = llama_names();
    family.names.mlp_norm = "pre_feedforward_layernorm";
    family.names.post_attention_norm = "post_attention_layernorm";
    family.names.post_mlp_norm = "post_feedforward_layernorm";
    return family;
}

ModelFamily phi3_family() {
    ModelFamily family;
    family.name = "phi3";
    family.label = "Phi-3";
    family.model_types = {"phi3"};
    family.help = "Phi-3 with default positions (4k): q, k, v and gate, up stored as one tensor each";
    family.read_config = read_phi3;
    family.names = llama_names();
    family.names.fused_qkv = "self_attn.qkv_proj";
    family.names.fused_gate_up = "mlp.gate_up_proj";
    return family;
}

} // namespace graticule
