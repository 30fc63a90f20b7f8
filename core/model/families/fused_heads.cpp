// GPT-NeoX, Falcon and BLOOM: LayerNorm, GELU, an MLP of two linears, one fused q, k, v. The first two add attention
// and MLP of the same state together; BLOOM has ALiBi instead of rotary angles and a norm on its embedding.
#include <cmath>

#include "core/base/error.h"
#include "core/model/config_reader.h"
#include "core/model/families/families.h"

namespace graticule {

namespace {

void derive_heads(ModelConfig& model, const char* hidden_field, const char* heads_field) {
    if (model.hidden % model.heads != 0)
        throw Error(ErrorKind::bad_input, "\"" + std::string(hidden_field) + "\" " + std::to_string(model.hidden) +
                                              " is not a multiple of \"" + heads_field + "\" " +
                                              std::to_string(model.heads));
    model.head_dim = model.hidden / model.heads;
    model.attention_scale = 1 / std::sqrt(static_cast<double>(model.head_dim));
    model.embedding_width = model.hidden;
    model.norm = NormKind::layer;
    model.gated_mlp = false;
}

/// transformers writes these names beside its own and reads its own: one that says something else is said.
void note_unused(const ConfigReader& config, const char* field, double used, ModelConfig& model) {
    const double stated = config.real(field, used, 0, 1e12);
    if (stated != used)
        model.notes.push_back("config.json has \"" + std::string(field) + "\" " + config.shown(field) +
                              ", which is not used for GPT-NeoX: \"rotary_emb_base\" and \"rotary_pct\" are, as "
                              "transformers has it");
}

ModelConfig read_gpt_neox(const std::string& json) {
    const ConfigReader config(json);
    ModelConfig model;
    read_common(config, false, model);
    model.hidden = config.integer("hidden_size", limits::width, 6144);
    model.blocks = config.integer("num_hidden_layers", limits::blocks, 44);
    model.heads = model.kv_heads = config.integer("num_attention_heads", limits::heads, 64);
    model.mlp_hidden = config.integer("intermediate_size", limits::width, 24576);
    model.vocabulary = config.integer("vocab_size", limits::vocabulary, 50432);
    model.max_positions = config.integer("max_position_embeddings", limits::positions, 2048);
    derive_heads(model, "hidden_size", "num_attention_heads");
    model.fused_by_head = true;
    model.norm_epsilon = config.real("layer_norm_eps", 1e-5, 0, 1);
    model.activation = parse_activation("hidden_act", config.text("hidden_act", "gelu"));
    model.parallel = config.flag("use_parallel_residual", true);
    const bool attention_bias = config.flag("attention_bias", true);
    model.biases = {attention_bias, attention_bias, true};
    model.rope = read_rope(config, {.theta = config.real("rotary_emb_base", 10000, 1, 1e12),
                                    .partial = config.real("rotary_pct", 0.25, 0.01, 1),
                                    .partial_is_read = true,
                                    .own_names = true,
                                    .head_dim = model.head_dim,
                                    .max_positions = model.max_positions});
    const double turned = static_cast<double>(model.rope.rotary_dim == 0 ? model.head_dim : model.rope.rotary_dim);
    note_unused(config, "rope_theta", model.rope.theta, model);
    note_unused(config, "partial_rotary_factor", turned / static_cast<double>(model.head_dim), model);
    finish_config(config, model);
    return model;
}

ModelConfig read_falcon(const std::string& json) {
    const ConfigReader config(json);
    ModelConfig model;
    read_common(config, true, model);
    model.hidden = config.integer(second_name(config, "hidden_size", "n_embed", model), limits::width, 4544);
    model.blocks = config.integer("num_hidden_layers", limits::blocks, 32);
    model.heads = config.integer("num_attention_heads", limits::heads, 71);
    model.mlp_hidden = config.integer("ffn_hidden_size", limits::width, 4 * model.hidden);
    model.vocabulary = config.integer("vocab_size", limits::vocabulary, 65024);
    model.max_positions = config.integer("max_position_embeddings", limits::positions, 2048);
    derive_heads(model, "hidden_size", "num_attention_heads");
    if (config.flag("alibi", false))
        throw Error(ErrorKind::unsupported, "\"alibi\" true is not done for Falcon; models with rotary positions are");
    const bool new_architecture = config.flag("new_decoder_architecture", false);
    // Null is false to transformers; the new architecture asks for neither.
    const auto set = [&](const char* field) { return config.absent(field) || config.flag(field, false); };
    const bool multi_query = set("multi_query"), parallel = set("parallel_attn");
    if (new_architecture && !parallel)
        throw Error(ErrorKind::unsupported, "\"parallel_attn\" is " + config.shown("parallel_attn") +
                                                " beside \"new_decoder_architecture\", which transformers does not "
                                                "compute, either; it is true in published models");
    const bool one_kv_head = !new_architecture && multi_query;
    model.kv_heads =
        new_architecture ? config.integer("num_kv_heads", limits::heads, model.heads) : (one_kv_head ? 1 : model.heads);
    model.fused_by_head = !one_kv_head; // with one key-value head both orders are the same
    model.norm_epsilon = config.real("layer_norm_epsilon", 1e-5, 0, 1);
    model.activation = parse_activation("activation", config.text("activation", "gelu"));
    model.parallel = parallel;
    const bool bias = config.flag("bias", false);
    model.biases = {bias, bias, bias};
    model.rope = read_rope(config, {.head_dim = model.head_dim, .max_positions = model.max_positions});
    finish_config(config, model);
    return model;
}

ModelConfig read_bloom(const std::string& json) {
    const ConfigReader config(json);
    ModelConfig model;
    read_common(config, true, model);
    const auto named = [&](const char* own, const char* second) { return second_name(config, own, second, model); };
    model.hidden = config.integer(named("hidden_size", "n_embed"), limits::width, 64);
    model.blocks = config.integer(named("n_layer", "num_hidden_layers"), limits::blocks, 2);
    model.heads = model.kv_heads = config.integer(named("n_head", "num_attention_heads"), limits::heads, 8);
    model.mlp_hidden = 4 * model.hidden;
    model.vocabulary = config.integer("vocab_size", limits::vocabulary, 250880);
    model.max_positions = config.integer("seq_length", limits::positions, 2048);
    derive_heads(model, "hidden_size", "n_head");
    model.fused_by_head = true;
    model.norm_epsilon = config.real("layer_norm_epsilon", 1e-5, 0, 1);
    model.activation = Activation::gelu_tanh;
    model.biases = {true, true, true};
    model.positions = PositionKind::alibi;
    if (config.flag("slow_but_exact", false) && config.integer("pretraining_tp", limits::heads, 1) > 1)
        model.notes.push_back("config.json has \"slow_but_exact\" true and \"pretraining_tp\" " +
                              config.shown("pretraining_tp") +
                              ": transformers leaves out the biases of dense and dense_4h_to_h then; here they are "
                              "added. Set \"slow_but_exact\" to false for the same numbers there");
    if (config.flag("apply_residual_connection_post_layernorm", false))
        throw Error(ErrorKind::unsupported, "\"apply_residual_connection_post_layernorm\" true is not done");
    finish_config(config, model);
    return model;
}

/// What Falcon and BLOOM call alike.
ModelFamily::Names transformer_names() {
    ModelFamily::Names names;
    names.prefixes = {"transformer.", ""};
    names.embedding = "word_embeddings";
    names.final_norm = "ln_f";
    names.head = "lm_head";
    names.block = "h.{N}.";
    names.norm(NormSlot::attention) = "input_layernorm";
    names.norm(NormSlot::mlp) = "post_attention_layernorm";
    names.q = "self_attention.q_proj";
    names.k = "self_attention.k_proj";
    names.v = "self_attention.v_proj";
    names.o = "self_attention.dense";
    names.up = "mlp.dense_h_to_4h";
    names.down = "mlp.dense_4h_to_h";
    names.fused_qkv = "self_attention.query_key_value";
    return names;
}

} // namespace

ModelFamily gpt_neox_family() {
    ModelFamily family;
    family.name = "gpt_neox";
    family.label = "GPT-NeoX";
    family.model_types = {"gpt_neox"};
    family.help = "GPT-NeoX and Pythia: attention and MLP side by side, a quarter of each head turns";
    family.read_config = read_gpt_neox;
    auto& names = family.names;
    names = transformer_names();
    names.prefixes = {"gpt_neox.", ""};
    names.embedding = "embed_in";
    names.final_norm = "final_layer_norm";
    names.head = "embed_out";
    names.block = "layers.{N}.";
    names.q = "attention.q_proj";
    names.k = "attention.k_proj";
    names.v = "attention.v_proj";
    names.o = "attention.dense";
    names.fused_qkv = "attention.query_key_value";
    return family;
}

ModelFamily falcon_family() {
    ModelFamily family;
    family.name = "falcon";
    family.label = "Falcon";
    family.model_types = {"falcon"};
    family.help = "Falcon with rotary positions: attention and MLP side by side, few key-value heads";
    family.read_config = read_falcon;
    family.names = transformer_names();
    family.names.alternative_norms = {{NormSlot::attention, "ln_attn"}, {NormSlot::mlp, "ln_mlp"}};
    return family;
}

ModelFamily bloom_family() {
    ModelFamily family;
    family.name = "bloom";
    family.label = "BLOOM";
    family.model_types = {"bloom"};
    family.help = "BLOOM: ALiBi instead of positions, a norm on the embedding";
    family.read_config = read_bloom;
    family.names = transformer_names();
    family.names.embedding_norm = "word_embeddings_layernorm";
    return family;
}

} // namespace graticule
