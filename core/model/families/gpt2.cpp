// GPT-2: learned positions, LayerNorm, GELU, one fused q, k, v; linears stored as Conv1D, (in, out).
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
    const auto named = [&](const char* own, const char* second) { return second_name(config, own, second, model); };
    model.hidden = config.integer(named("n_embd", "hidden_size"), limits::width);
    model.blocks = config.integer(named("n_layer", "num_hidden_layers"), limits::blocks);
    model.heads = config.integer(named("n_head", "num_attention_heads"), limits::heads);
    model.mlp_hidden = config.integer("n_inner", limits::width, 4 * model.hidden);
    model.vocabulary = config.integer("vocab_size", limits::vocabulary);
    model.max_positions = config.integer(named("n_positions", "max_position_embeddings"), limits::positions, 1024);
    model.embedding_width = model.hidden;
    model.kv_heads = model.heads;
    if (model.hidden % model.heads != 0)
        throw Error(ErrorKind::bad_input, "\"n_embd\" " + std::to_string(model.hidden) +
                                              " is not a multiple of \"n_head\" " + std::to_string(model.heads));
    model.head_dim = model.hidden / model.heads;
    model.norm = NormKind::layer;
    model.norm_epsilon = config.real("layer_norm_epsilon", 1e-5, 0, 1);
    model.activation = parse_activation("activation_function", config.text("activation_function", "gelu_new"));
    model.gated_mlp = false;
    model.biases = {true, true, true};
    model.attention_scale = config.flag("scale_attn_weights", true) ? 1 / std::sqrt(double(model.head_dim)) : 1;
    if (config.flag("scale_attn_by_inverse_layer_idx", false))
        throw Error(ErrorKind::unsupported, "\"scale_attn_by_inverse_layer_idx\" true is not done");
    finish_config(config, model);
    return model;
}

} // namespace

ModelFamily gpt2_family() {
    ModelFamily family;
    family.name = "gpt2";
    family.label = "GPT-2";
    family.model_types = {"gpt2"};
    family.help = "GPT-2: fused q, k, v are shown as three linears";
    family.read_config = read_config;
    auto& names = family.names;
    names.prefixes = {"transformer.", ""};
    names.embedding = "wte";
    names.positions = "wpe";
    names.final_norm = "ln_f";
    names.head = "lm_head";
    names.block = "h.{N}.";
    names.norm(NormSlot::attention) = "ln_1";
    names.norm(NormSlot::mlp) = "ln_2";
    names.q = "attn.q_proj";
    names.k = "attn.k_proj";
    names.v = "attn.v_proj";
    names.o = "attn.c_proj";
    names.up = "mlp.c_fc";
    names.down = "mlp.c_proj";
    names.fused_qkv = "attn.c_attn";
    names.transposed_linears = true;
    return family;
}

} // namespace graticule
