// OPT: learned positions two rows in, LayerNorm, ReLU, biases everywhere. The 350m variant puts the norm after the
// residual, has no final norm, and projects a narrower embedding (formats.md section 4.5).
#include "core/model/families/families.h"

#include <cmath>

#include "core/base/error.h"
#include "core/model/config_reader.h"

namespace graticule {

namespace {

ModelConfig read_config(const std::string& json) {
    const ConfigReader config(json);
    ModelConfig model;
    read_common(config, true, model);
    model.hidden = config.integer("hidden_size", limits::width);
    model.blocks = config.integer("num_hidden_layers", limits::blocks);
    model.heads = config.integer("num_attention_heads", limits::heads);
    model.mlp_hidden = config.integer("ffn_dim", limits::width);
    model.vocabulary = config.integer("vocab_size", limits::vocabulary);
    model.max_positions = config.integer("max_position_embeddings", limits::positions, 2048);
    model.embedding_width = config.integer("word_embed_proj_dim", limits::width, model.hidden);
    model.kv_heads = model.heads;
    if (model.hidden % model.heads != 0)
        throw Error(ErrorKind::bad_input, "\"hidden_size\" " + std::to_string(model.hidden) +
                                              " is not a multiple of \"num_attention_heads\" " +
                                              std::to_string(model.heads));
    model.head_dim = model.hidden / model.heads;
    model.position_offset = 2;
    model.norm = NormKind::layer;
    model.norm_epsilon = 1e-5;
    model.norm_after = !config.flag("do_layer_norm_before", true);
    model.final_norm = !config.flag("_remove_final_layer_norm", false) && !model.norm_after;
    model.activation = parse_activation("activation_function", config.text("activation_function", "relu"));
    model.gated_mlp = false;
    const bool bias = config.flag("enable_bias", true);
    model.biases = {bias, bias, bias};
    model.attention_scale = 1 / std::sqrt(static_cast<double>(model.head_dim));
    if (!config.flag("layer_norm_elementwise_affine", true))
        throw Error(ErrorKind::unsupported, "\"layer_norm_elementwise_affine\" false is not done");
    finish_config(config, model);
    return model;
}

} // namespace

ModelFamily opt_family() {
    ModelFamily family;
    family.name = "opt";
    family.label = "OPT";
    family.model_types = {"opt"};
    family.help = "Meta's OPT, 125m to 66b, the post-norm 350m included";
    family.read_config = read_config;
    auto& names = family.names;
    names.prefixes = {"model.decoder.", "decoder."};
    names.embedding = "embed_tokens";
    names.positions = "embed_positions";
    names.project_in = "project_in";
    names.project_out = "project_out";
    names.final_norm = "final_layer_norm";
    names.head = "lm_head";
    names.block = "layers.{N}.";
    names.norm(NormSlot::attention) = "self_attn_layer_norm";
    names.norm(NormSlot::mlp) = "final_layer_norm";
    names.q = "self_attn.q_proj";
    names.k = "self_attn.k_proj";
    names.v = "self_attn.v_proj";
    names.o = "self_attn.out_proj";
    names.up = "fc1";
    names.down = "fc2";
    return family;
}

} // namespace graticule
