#include "core/io/gguf/gguf_architecture.h"

#include <algorithm>
#include <array>

#include "core/base/error.h"
#include "core/base/word_list.h"

namespace graticule {
namespace {

using enum GgufChange;

// qwen2 and qwen3 are the same but for the order of q and k rows, which only the llama architecture changes.
constexpr auto llama_names = std::to_array<GgufNameRow>({
    {"token_embd", "model.embed_tokens"},
    {"output_norm", "model.norm"},
    {"output", "lm_head"},
    {"blk.N.attn_norm", "input_layernorm"},
    {"blk.N.attn_q", "self_attn.q_proj", query_rows},
    {"blk.N.attn_k", "self_attn.k_proj", key_rows},
    {"blk.N.attn_v", "self_attn.v_proj"},
    {"blk.N.attn_output", "self_attn.o_proj"},
    {"blk.N.ffn_norm", "post_attention_layernorm"},
    {"blk.N.ffn_gate", "mlp.gate_proj"},
    {"blk.N.ffn_up", "mlp.up_proj"},
    {"blk.N.ffn_down", "mlp.down_proj"},
});

constexpr auto qwen_names = std::to_array<GgufNameRow>({
    {"token_embd", "model.embed_tokens"},
    {"output_norm", "model.norm"},
    {"output", "lm_head"},
    {"blk.N.attn_norm", "input_layernorm"},
    {"blk.N.attn_q", "self_attn.q_proj"},
    {"blk.N.attn_k", "self_attn.k_proj"},
    {"blk.N.attn_v", "self_attn.v_proj"},
    {"blk.N.attn_q_norm", "self_attn.q_norm"},
    {"blk.N.attn_k_norm", "self_attn.k_norm"},
    {"blk.N.attn_output", "self_attn.o_proj"},
    {"blk.N.ffn_norm", "post_attention_layernorm"},
    {"blk.N.ffn_gate", "mlp.gate_proj"},
    {"blk.N.ffn_up", "mlp.up_proj"},
    {"blk.N.ffn_down", "mlp.down_proj"},
});

constexpr auto gemma2_names = std::to_array<GgufNameRow>({
    {"token_embd", "model.embed_tokens"},
    {"output_norm", "model.norm", plus_one},
    {"blk.N.attn_norm", "input_layernorm", plus_one},
    {"blk.N.attn_q", "self_attn.q_proj"},
    {"blk.N.attn_k", "self_attn.k_proj"},
    {"blk.N.attn_v", "self_attn.v_proj"},
    {"blk.N.attn_output", "self_attn.o_proj"},
    {"blk.N.post_attention_norm", "post_attention_layernorm", plus_one},
    {"blk.N.ffn_norm", "pre_feedforward_layernorm", plus_one},
    {"blk.N.ffn_gate", "mlp.gate_proj"},
    {"blk.N.ffn_up", "mlp.up_proj"},
    {"blk.N.ffn_down", "mlp.down_proj"},
    {"blk.N.post_ffw_norm", "post_feedforward_layernorm", plus_one},
});

constexpr auto phi3_names = std::to_array<GgufNameRow>({
    {"token_embd", "model.embed_tokens"},
    {"output_norm", "model.norm"},
    {"output", "lm_head"},
    {"blk.N.attn_norm", "input_layernorm"},
    {"blk.N.attn_qkv", "self_attn.qkv_proj"},
    {"blk.N.attn_output", "self_attn.o_proj"},
    {"blk.N.ffn_norm", "post_attention_layernorm"},
    {"blk.N.ffn_up", "mlp.gate_up_proj"},
    {"blk.N.ffn_down", "mlp.down_proj"},
});

constexpr auto gpt2_names = std::to_array<GgufNameRow>({
    {"token_embd", "transformer.wte"},
    {"position_embd", "transformer.wpe"},
    {"output_norm", "transformer.ln_f"},
    {"output", "lm_head"},
    {"blk.N.attn_norm", "ln_1"},
    {"blk.N.attn_qkv", "attn.c_attn", transposed},
    {"blk.N.attn_output", "attn.c_proj", transposed},
    {"blk.N.ffn_norm", "ln_2"},
    {"blk.N.ffn_up", "mlp.c_fc", transposed},
    {"blk.N.ffn_down", "mlp.c_proj", transposed},
});

constexpr auto architectures = std::to_array<GgufArchitecture>({
    {"llama", "llama", "LlamaForCausalLM", llama_names, "attn_q attn_k attn_v attn_output ffn_gate ffn_up ffn_down"},
    {"qwen2", "qwen2", "Qwen2ForCausalLM", qwen_names, "attn_q attn_k attn_v"},
    {"qwen3", "qwen3", "Qwen3ForCausalLM", qwen_names, "attn_q attn_k attn_v attn_output"},
    {"gemma2", "gemma2", "Gemma2ForCausalLM", gemma2_names, ""},
    {"phi3", "phi3", "Phi3ForCausalLM", phi3_names, ""},
    {"gpt2", "gpt2", "GPT2LMHeadModel", gpt2_names, "*"},
});

std::string_view block_prefix(const GgufArchitecture& architecture) {
    return architecture.name == "gpt2" ? "transformer.h." : "model.layers.";
}

bool takes_bias(const GgufArchitecture& architecture, std::string_view stem) {
    constexpr std::string_view any_block = "blk.N.";
    if (stem.starts_with(any_block)) stem.remove_prefix(any_block.size());
    return lists(architecture.biases, stem);
}

/// "blk.12.attn_q" is taken apart into "12" and "blk.N.attn_q".
std::string without_block_number(std::string_view name, std::string_view& block) {
    constexpr std::string_view prefix = "blk.";
    if (!name.starts_with(prefix)) return std::string(name);
    const auto dot = name.find('.', prefix.size());
    if (dot == std::string_view::npos || dot == prefix.size() || dot > prefix.size() + 4) return std::string(name);
    block = name.substr(prefix.size(), dot - prefix.size());
    if (!std::all_of(block.begin(), block.end(), [](char c) { return c >= '0' && c <= '9'; })) return std::string(name);
    return "blk.N" + std::string(name.substr(dot));
}

} // namespace

const GgufArchitecture& gguf_architecture(const GgufFile& file) {
    const auto name = file.metadata().text("general.architecture");
    if (!name)
        throw Error(ErrorKind::bad_input, file.path().string() + ": no \"general.architecture\" in the metadata");
    if (const auto kind = file.metadata().text("general.type"); kind && *kind != "model")
        throw Error(ErrorKind::unsupported, file.path().string() + ": \"general.type\" is \"" + *kind +
                                                "\", so this is no language model; open the model that it goes with");
    for (const GgufArchitecture& row : architectures)
        if (row.name == *name) {
            if (file.metadata().whole(*name + ".expert_count").value_or(0) > 0)
                throw Error(ErrorKind::unsupported, file.path().string() + ": a mixture of experts (" + *name +
                                                        ".expert_count above 0) is not supported");
            return row;
        }
    throw Error(ErrorKind::unsupported, file.path().string() + ": the architecture \"" + *name +
                                            "\" is not supported; " + gguf_architecture_names() + " are");
}

const GgufArchitecture* gguf_architecture_for(std::string_view model_type) {
    if (model_type == "mistral") model_type = "llama"; // llama.cpp makes no difference
    const auto row = std::ranges::find(architectures, model_type, &GgufArchitecture::model_type);
    return row == architectures.end() ? nullptr : &*row;
}

std::string gguf_architecture_names() {
    std::string known;
    for (const GgufArchitecture& row : architectures) known += (known.empty() ? "" : ", ") + std::string(row.name);
    return known;
}

std::optional<GgufMapping> map_gguf_name(const GgufArchitecture& architecture, const std::string& name) {
    const auto dot = name.rfind('.');
    if (dot == std::string::npos) return std::nullopt;
    const std::string_view suffix = std::string_view(name).substr(dot); // ".weight", ".bias"
    if (suffix != ".weight" && suffix != ".bias") return std::nullopt;
    std::string_view block;
    const std::string stem = without_block_number(std::string_view(name).substr(0, dot), block);
    if (suffix == ".bias" && !takes_bias(architecture, stem)) return std::nullopt;
    for (const GgufNameRow& row : architecture.names) {
        if (row.gguf != stem) continue;
        std::string mapped;
        if (!block.empty()) mapped = std::string(block_prefix(architecture)) + std::string(block) + ".";
        mapped.append(row.hugging_face).append(suffix);
        const bool untouched = row.change == transposed && suffix == ".bias";
        return GgufMapping{std::move(mapped), untouched ? none : row.change};
    }
    return std::nullopt;
}

std::optional<GgufMapping> gguf_name_of(const GgufArchitecture& architecture, std::string_view name) {
    std::string block;
    const std::string_view prefix = block_prefix(architecture);
    if (name.starts_with(prefix)) {
        const std::size_t dot = name.find('.', prefix.size());
        if (dot == std::string_view::npos) return std::nullopt;
        block = "blk." + std::string(name.substr(prefix.size(), dot - prefix.size()));
        name.remove_prefix(dot + 1);
    }
    for (const GgufNameRow& row : architecture.names) {
        constexpr std::string_view any_block = "blk.N";
        const bool of_block = row.gguf.starts_with(any_block);
        if (row.hugging_face != name || of_block == block.empty()) continue;
        return GgufMapping{of_block ? block + std::string(row.gguf.substr(any_block.size())) : std::string(row.gguf),
                           row.change};
    }
    return std::nullopt;
}

} // namespace graticule
