// The LLaMA line: RMSNorm, rotary positions, gated SiLU. LLaMA, Mistral (sliding window), Qwen2 (biases on q, k, v) and
// Qwen3 (norms on q and k) differ in defaults and optional tensors only; Gemma, Phi-3, OLMo 2 and the mixtures of
// experts (Mixtral, Qwen3-MoE) have rows of their own. Defaults of absent fields are those of transformers (formats.md
// section 4.2).
#include "core/model/families/families.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/model/config_reader.h"

namespace graticule {

namespace {

/// Which blocks see a sliding window: `layer_types` where it is given, else `otherwise` for each.
template <class Rule>
std::vector<std::uint8_t> sliding_blocks(const ConfigReader& config, const ModelConfig& model, Rule otherwise) {
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

void window_every_block(ModelConfig& model, std::optional<std::int64_t> tokens) {
    model.sliding_window = tokens;
    if (tokens) model.sliding_blocks.assign(static_cast<std::size_t>(model.blocks), 1);
}

RopeDefaults rope_defaults(const ModelConfig& model, double theta) {
    return {.theta = theta, .head_dim = model.head_dim, .max_positions = model.max_positions};
}

void read_attention_bias(const ConfigReader& config, ModelConfig& model) {
    model.biases.qkv = model.biases.output = config.flag("attention_bias", false);
}

void read_experts(const ConfigReader& config, std::int64_t experts, std::int64_t default_per_token,
                  ModelConfig& model) {
    model.experts = experts;
    model.experts_per_token = config.integer("num_experts_per_tok", limits::experts, default_per_token);
    if (model.experts_per_token > experts)
        throw Error(ErrorKind::bad_input, "\"num_experts_per_tok\" is " + std::to_string(model.experts_per_token) +
                                              ", more than the " + std::to_string(experts) + " experts");
}

/// What transformers takes where config.json does not say it.
struct Defaults {
    bool tied = false;
    std::int64_t head_dim = 0; ///< 0: hidden / heads
    double epsilon = 1e-6;
    std::int64_t max_positions = 2048;
    double theta = 10000;
};

/// What all rows of this file share. `own_rope`: the row reads its rotary keys itself.
ModelConfig read_shared(const ConfigReader& config, const Defaults& defaults, bool own_rope = false) {
    ModelConfig model;
    read_common(config, defaults.tied, model);
    model.hidden = config.integer("hidden_size", limits::width);
    model.blocks = config.integer("num_hidden_layers", limits::blocks);
    model.heads = config.integer("num_attention_heads", limits::heads);
    model.kv_heads = config.integer("num_key_value_heads", limits::heads, model.heads);
    model.mlp_hidden = config.integer("intermediate_size", limits::width);
    model.vocabulary = config.integer("vocab_size", limits::vocabulary);
    model.embedding_width = model.hidden;
    model.max_positions = config.integer("max_position_embeddings", limits::positions, defaults.max_positions);
    if (defaults.head_dim == 0 && !config.has("head_dim") && model.hidden % model.heads != 0)
        throw Error(ErrorKind::bad_input, "\"hidden_size\" " + std::to_string(model.hidden) +
                                              " is not a multiple of \"num_attention_heads\" " +
                                              std::to_string(model.heads) + " and there is no \"head_dim\"");
    model.head_dim = config.integer("head_dim", limits::width,
                                    defaults.head_dim == 0 ? model.hidden / model.heads : defaults.head_dim);
    model.norm = NormKind::rms;
    model.norm_epsilon = config.real("rms_norm_eps", defaults.epsilon, 0, 1);
    model.activation = parse_activation("hidden_act", config.text("hidden_act", "silu"));
    if (!own_rope) model.rope = read_rope(config, rope_defaults(model, defaults.theta));
    model.attention_scale = 1 / std::sqrt(static_cast<double>(model.head_dim));
    return model;
}

ModelConfig read_llama(const std::string& json) {
    const ConfigReader config(json);
    const std::string type = config.text("model_type", "llama");
    ModelConfig model = read_shared(config, {.head_dim = type == "qwen3" ? 128 : 0,
                                             .max_positions = type == "llama"     ? 2048
                                                              : type == "mistral" ? 131072
                                                                                  : 32768});
    const bool windowed = type == "mistral" || (type != "llama" && config.flag("use_sliding_window", false));
    // As transformers: a window of 4096 where the field is absent, and none where it is null (Mistral v0.2 on).
    if (windowed) model.sliding_window = config.limit("sliding_window", limits::positions, 4096);
    if (model.sliding_window) {
        const std::int64_t first =
            type == "mistral" ? 0 : config.limit("max_window_layers", limits::blocks, 28).value_or(0);
        model.sliding_blocks = sliding_blocks(
            config, model, [first](std::int64_t block) { return static_cast<std::uint8_t>(block >= first); });
    }
    model.query_key_norms = type == "qwen3";
    if (type == "llama" || type == "qwen3") read_attention_bias(config, model);
    if (type == "llama") model.biases.mlp = config.flag("mlp_bias", false);
    if (type == "qwen2") model.biases.qkv = true;
    finish_config(config, model);
    return model;
}

ModelConfig read_gemma2(const std::string& json) {
    const ConfigReader config(json);
    ModelConfig model = read_shared(config, {.tied = true, .head_dim = 256, .max_positions = 8192});
    model.norm = NormKind::rms_plus_one;
    model.activation = parse_activation(
        "hidden_activation", config.text("hidden_activation", "gelu_pytorch_tanh")); // "hidden_act" was Gemma 1's
    model.attention_scale = 1 / std::sqrt(config.real("query_pre_attn_scalar", 256, 1e-6, 1e9));
    const auto cap = [&](const char* field, double fallback) { // null and 0 switch a cap off
        return config.real(field, config.absent(field) ? fallback : 0, 0, 1e9);
    };
    model.attention_softcap = cap("attn_logit_softcapping", 50);
    model.logit_softcap = cap("final_logit_softcapping", 30);
    model.embedding_scale = std::sqrt(static_cast<double>(model.hidden));
    model.sliding_window = config.limit("sliding_window", limits::positions, 4096);
    model.sliding_blocks =
        sliding_blocks(config, model, [](std::int64_t block) { return static_cast<std::uint8_t>(block % 2 == 0); });
    read_attention_bias(config, model);
    finish_config(config, model);
    return model;
}

/// Gemma 3 turns full and windowed attention by different angles: nested in "rope_parameters" (transformers 5), or
/// "rope_theta" and "rope_local_base_freq" beside each other. "rope_scaling" changes those of full attention alone.
void read_both_ropes(const ConfigReader& config, ModelConfig& model) {
    const auto both = config.object("rope_parameters");
    auto full = both ? both->object("full_attention") : std::nullopt;
    const auto sliding = both ? both->object("sliding_attention") : std::nullopt;
    if (both && !both->empty() && !full && !sliding)
        throw Error(ErrorKind::unsupported,
                    "\"rope_parameters\" is " + config.shown("rope_parameters") +
                        "; Gemma 3 has one set for each kind of attention, and versions of transformers differ on what "
                        "a single one means: put it inside \"full_attention\" and \"sliding_attention\"");
    const auto scaling = config.object("rope_scaling");
    if (scaling && scaling->has("type") && !scaling->has("rope_type"))
        throw Error(ErrorKind::unsupported, "\"rope_scaling\" is " + config.shown("rope_scaling") +
                                                "; of Gemma 3's transformers reads \"rope_type\" alone, so that "
                                                "nothing is scaled there: write \"rope_type\", or leave it out");
    if (scaling && !scaling->empty()) full = full ? full->updated_by(*scaling) : *scaling;
    model.rope = read_rope_keys(full, rope_defaults(model, config.real("rope_theta", 1e6, 1, 1e12)));
    model.sliding_rope =
        read_rope_keys(sliding, rope_defaults(model, config.real("rope_local_base_freq", 1e4, 1, 1e12)));
}

ModelConfig read_gemma3(const std::string& json) {
    const ConfigReader config(json);
    ModelConfig model = read_shared(config, {.tied = true, .head_dim = 256, .max_positions = 131072}, true);
    if (config.flag("use_bidirectional_attention", false))
        throw Error(ErrorKind::unsupported, "\"use_bidirectional_attention\" true is not done");
    model.norm = NormKind::rms_plus_one;
    model.activation = parse_activation(
        "hidden_activation", config.text("hidden_activation", "gelu_pytorch_tanh")); // "hidden_act" was Gemma 1's
    model.attention_scale = 1 / std::sqrt(config.real("query_pre_attn_scalar", 256, 1e-6, 1e9));
    // No cap on the scores: transformers has the field and does not use it, so it is said.
    model.logit_softcap = config.real("final_logit_softcapping", 0, 0, 1e9);
    model.embedding_scale = std::sqrt(static_cast<double>(model.hidden));
    model.sliding_window = config.limit("sliding_window", limits::positions, 4096);
    const std::int64_t pattern = config.integer("sliding_window_pattern", limits::blocks, 6);
    model.sliding_blocks = sliding_blocks(
        config, model, [pattern](std::int64_t block) { return static_cast<std::uint8_t>((block + 1) % pattern != 0); });
    read_both_ropes(config, model);
    read_attention_bias(config, model);
    model.query_key_norms = true;
    finish_config(config, model);
    return model;
}

/// OLMo 2 has no norm before its modules; both come after, and the norms of query and key span all heads.
ModelConfig read_olmo2(const std::string& json) {
    const ConfigReader config(json);
    ModelConfig model = read_shared(config, {.epsilon = 1e-5});
    read_attention_bias(config, model);
    model.query_key_norms = true;
    finish_config(config, model);
    return model;
}

ModelConfig read_mixtral(const std::string& json) {
    const ConfigReader config(json);
    ModelConfig model = read_shared(config, {.epsilon = 1e-5, .max_positions = 131072, .theta = 1e6});
    const std::string experts = second_name(config, "num_local_experts", "num_experts", model);
    read_experts(config, config.integer(experts, limits::experts, 8), 2, model);
    model.expert_hidden = model.mlp_hidden;
    window_every_block(model, config.limit("sliding_window", limits::positions));
    finish_config(config, model);
    return model;
}

ModelConfig read_qwen3_moe(const std::string& json) {
    const ConfigReader config(json);
    ModelConfig model = read_shared(config, {.head_dim = 128, .max_positions = 32768});
    const std::optional<std::int64_t> experts =
        config.limit(second_name(config, "num_local_experts", "num_experts", model), limits::experts, 128);
    if (experts) read_experts(config, *experts, 8, model);
    model.expert_hidden = config.integer("moe_intermediate_size", limits::width, 768);
    model.normalize_experts = config.flag("norm_topk_prob", false);
    const std::int64_t step = config.integer("decoder_sparse_step", limits::blocks, 1);
    for (std::int64_t block = 0; block < model.blocks; ++block)
        model.dense_blocks.push_back((block + 1) % step != 0 ? 1 : 0);
    for (const std::int64_t block : config.indices("mlp_only_layers", model.blocks - 1))
        model.dense_blocks[static_cast<std::size_t>(block)] = 1;
    if (config.flag("use_sliding_window", false))
        window_every_block(model, config.limit("sliding_window", limits::positions, 4096));
    read_attention_bias(config, model);
    model.query_key_norms = true;
    finish_config(config, model);
    return model;
}

ModelConfig read_phi3(const std::string& json) {
    const ConfigReader config(json);
    ModelConfig model = read_shared(config, {.epsilon = 1e-5, .max_positions = 4096}, true);
    RopeDefaults rope = rope_defaults(model, 10000);
    rope.partial_is_read = rope.yarn_is_longrope = true;
    rope.original_positions = 4096; // transformers has it beside the set, where it goes before what the set says
    model.rope = read_rope(config, rope);
    window_every_block(model, config.limit("sliding_window", limits::positions));
    finish_config(config, model);
    return model;
}

ModelFamily::Names llama_names() {
    ModelFamily::Names names;
    names.prefixes = {"model.", ""};
    names.embedding = "embed_tokens";
    names.final_norm = "norm";
    names.head = "lm_head";
    names.block = "layers.{N}.";
    names.norm(NormSlot::attention) = "input_layernorm";
    names.norm(NormSlot::mlp) = "post_attention_layernorm";
    names.norm(NormSlot::query) = "self_attn.q_norm";
    names.norm(NormSlot::key) = "self_attn.k_norm";
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
    family.names.norm(NormSlot::mlp) = "pre_feedforward_layernorm";
    family.names.norm(NormSlot::post_attention) = "post_attention_layernorm";
    family.names.norm(NormSlot::post_mlp) = "post_feedforward_layernorm";
    return family;
}

ModelFamily gemma3_family() {
    ModelFamily family = gemma2_family();
    family.name = "gemma3";
    family.label = "Gemma 3";
    family.model_types = {"gemma3_text"};
    family.help = "Gemma 3, text: norms on query and key, five windowed blocks to one that sees everything";
    family.read_config = read_gemma3;
    return family;
}

ModelFamily olmo2_family() {
    ModelFamily family;
    family.name = "olmo2";
    family.label = "OLMo 2";
    family.model_types = {"olmo2"};
    family.help = "OLMo 2: norms after attention and MLP instead of before, and on query and key over all heads";
    family.read_config = read_olmo2;
    family.names = llama_names();
    family.names.norm(NormSlot::attention) = "";
    family.names.norm(NormSlot::mlp) = "";
    family.names.norm(NormSlot::post_attention) = "post_attention_layernorm";
    family.names.norm(NormSlot::post_mlp) = "post_feedforward_layernorm";
    return family;
}

ModelFamily mixtral_family() {
    ModelFamily family;
    family.name = "mixtral";
    family.label = "Mixtral";
    family.model_types = {"mixtral"};
    family.help = "Mixtral: a router sends each token to two of eight experts";
    family.read_config = read_mixtral;
    family.names = llama_names();
    family.names.router = "block_sparse_moe.gate";
    family.names.expert_gate = "block_sparse_moe.experts.{E}.w1";
    family.names.expert_up = "block_sparse_moe.experts.{E}.w3";
    family.names.expert_down = "block_sparse_moe.experts.{E}.w2";
    return family;
}

ModelFamily qwen3_moe_family() {
    ModelFamily family;
    family.name = "qwen3_moe";
    family.label = "Qwen3-MoE";
    family.model_types = {"qwen3_moe"};
    family.help = "Qwen3 with experts: a router sends each token to eight of many small ones";
    family.read_config = read_qwen3_moe;
    family.names = llama_names();
    family.names.router = "mlp.gate";
    family.names.expert_gate = "mlp.experts.{E}.gate_proj";
    family.names.expert_up = "mlp.experts.{E}.up_proj";
    family.names.expert_down = "mlp.experts.{E}.down_proj";
    return family;
}

ModelFamily phi3_family() {
    ModelFamily family;
    family.name = "phi3";
    family.label = "Phi-3";
    family.model_types = {"phi3"};
    family.help = "Phi-3, short and long contexts: q, k, v and gate, up stored as one tensor each";
    family.read_config = read_phi3;
    family.names = llama_names();
    family.names.fused_qkv = "self_attn.qkv_proj";
    family.names.fused_gate_up = "mlp.gate_up_proj";
    return family;
}

} // namespace graticule
