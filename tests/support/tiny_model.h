// Small made models, one folder per family as transformers would save it: config.json and model.safetensors with
// weights that are heavy-tailed and always the same. No tokenizer.
#pragma once

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "core/io/safetensors.h"

namespace graticule::testing {

struct TinyShape {
    std::int64_t hidden = 64, intermediate = 96, heads = 2, kv_heads = 1, blocks = 2, vocabulary = 40;
    bool tied = false;
    DType dtype = DType::f32; ///< or f16, bf16
    float spread = 1;         ///< of the matrices
};

class TinyModel {
public:
    static std::vector<std::string> families() {
        return {"llama", "mistral", "qwen2", "qwen3", "gemma2", "phi3", "gpt2", "opt", "gpt_neox"};
    }

    TinyModel(std::string family, const TinyShape& shape)
        : family_(std::move(family))
        , shape_(shape) {
        if (family_ == "gpt2")
            make_gpt2();
        else if (family_ == "opt")
            make_opt();
        else if (family_ == "gpt_neox")
            make_gpt_neox();
        else
            make_decoder();
    }

    /// Changes of the configuration before it is written.
    nlohmann::json config;

    void write(const std::filesystem::path& folder) const {
        std::filesystem::create_directories(folder);
        std::ofstream(folder / "config.json") << config.dump(2);
        std::vector<SafetensorsSpec> specs;
        for (const auto& [name, tensor] : tensors_) specs.push_back({name, tensor.dtype, tensor.shape});
        SafetensorsWriter writer(folder / "model.safetensors", std::move(specs));
        for (const auto& [name, tensor] : tensors_) writer.write(name, tensor);
        writer.finish();
    }

private:
    float next() { // between -1 and 1, most of them small
        state_ = state_ * 1664525U + 1013904223U;
        const float uniform = static_cast<float>(state_ >> 8) / 8388608.0F - 1.0F;
        return uniform * uniform * uniform * (state_ % 53 == 0 ? 3.0F : 1.0F);
    }

    void put(const std::string& name, Shape extents, float width, float middle = 0) {
        std::vector<float> values;
        for (std::int64_t i = 0; i < element_count(extents); ++i) values.push_back(middle + width * next());
        if (shape_.dtype == DType::f32) {
            tensors_.emplace_back(name, HostTensor::from_floats(std::move(values), std::move(extents)));
            return;
        }
        std::vector<std::uint16_t> halves;
        for (const float value : values)
            halves.push_back(shape_.dtype == DType::f16 ? float_to_half(value) : float_to_bfloat16(value));
        tensors_.emplace_back(name, HostTensor::from_vector(std::move(halves), shape_.dtype, std::move(extents)));
    }
    void matrix(const std::string& name, std::int64_t out, std::int64_t in, bool bias = false) {
        put(name + ".weight", {out, in}, shape_.spread * 2.5F / std::sqrt(static_cast<float>(in)));
        if (bias) put(name + ".bias", {out}, 0.2F);
    }
    void turned(const std::string& name, std::int64_t out, std::int64_t in) { // GPT-2's Conv1D
        put(name + ".weight", {in, out}, 2.5F / std::sqrt(static_cast<float>(in)));
        put(name + ".bias", {out}, 0.2F);
    }
    void norm(const std::string& name, std::int64_t width, bool bias) {
        put(name + ".weight", {width}, 0.3F, family_ == "gemma2" ? 0.0F : 1.0F);
        if (bias) put(name + ".bias", {width}, 0.1F);
    }

    void make_decoder() {
        const TinyShape& s = shape_;
        const std::int64_t head = s.hidden / s.heads, queries = s.heads * head, keys = s.kv_heads * head;
        config = {{"model_type", family_},
                  {"hidden_size", s.hidden},
                  {"intermediate_size", s.intermediate},
                  {"num_hidden_layers", s.blocks},
                  {"num_attention_heads", s.heads},
                  {"num_key_value_heads", s.kv_heads},
                  {"head_dim", head},
                  {"vocab_size", s.vocabulary},
                  {"max_position_embeddings", 128},
                  {"rms_norm_eps", 1e-5},
                  {"rope_theta", 10000.0},
                  {"tie_word_embeddings", s.tied || family_ == "gemma2"}};
        if (family_ == "mistral") config["sliding_window"] = nullptr;
        if (family_ == "gemma2") {
            config["query_pre_attn_scalar"] = head;
            config["sliding_window"] = 16;
        }
        matrix("model.embed_tokens", s.vocabulary, s.hidden);
        norm("model.norm", s.hidden, false);
        if (config["tie_word_embeddings"] == false) matrix("lm_head", s.vocabulary, s.hidden);
        for (std::int64_t block = 0; block < s.blocks; ++block) {
            const std::string at = "model.layers." + std::to_string(block) + ".";
            norm(at + "input_layernorm", s.hidden, false);
            norm(at + "post_attention_layernorm", s.hidden, false);
            if (family_ == "gemma2") {
                norm(at + "pre_feedforward_layernorm", s.hidden, false);
                norm(at + "post_feedforward_layernorm", s.hidden, false);
            }
            if (family_ == "qwen3") {
                norm(at + "self_attn.q_norm", head, false);
                norm(at + "self_attn.k_norm", head, false);
            }
            const bool bias = family_ == "qwen2";
            if (family_ == "phi3") {
                matrix(at + "self_attn.qkv_proj", queries + 2 * keys, s.hidden);
                matrix(at + "mlp.gate_up_proj", 2 * s.intermediate, s.hidden);
            } else {
                matrix(at + "self_attn.q_proj", queries, s.hidden, bias);
                matrix(at + "self_attn.k_proj", keys, s.hidden, bias);
                matrix(at + "self_attn.v_proj", keys, s.hidden, bias);
                matrix(at + "mlp.gate_proj", s.intermediate, s.hidden);
                matrix(at + "mlp.up_proj", s.intermediate, s.hidden);
            }
            matrix(at + "self_attn.o_proj", s.hidden, queries);
            matrix(at + "mlp.down_proj", s.hidden, s.intermediate);
        }
    }

    void make_gpt2() {
        const TinyShape& s = shape_;
        config = {{"model_type", "gpt2"}, {"n_embd", s.hidden},         {"n_inner", s.intermediate},
                  {"n_layer", s.blocks},  {"n_head", s.heads},          {"vocab_size", s.vocabulary},
                  {"n_positions", 128},   {"layer_norm_epsilon", 1e-5}, {"tie_word_embeddings", true}};
        matrix("transformer.wte", s.vocabulary, s.hidden);
        matrix("transformer.wpe", 128, s.hidden);
        norm("transformer.ln_f", s.hidden, true);
        for (std::int64_t block = 0; block < s.blocks; ++block) {
            const std::string at = "transformer.h." + std::to_string(block) + ".";
            norm(at + "ln_1", s.hidden, true);
            norm(at + "ln_2", s.hidden, true);
            turned(at + "attn.c_attn", 3 * s.hidden, s.hidden);
            turned(at + "attn.c_proj", s.hidden, s.hidden);
            turned(at + "mlp.c_fc", s.intermediate, s.hidden);
            turned(at + "mlp.c_proj", s.hidden, s.intermediate);
        }
    }

    void make_opt() {
        const TinyShape& s = shape_;
        config = {{"model_type", "opt"},        {"hidden_size", s.hidden},        {"word_embed_proj_dim", s.hidden},
                  {"ffn_dim", s.intermediate},  {"num_hidden_layers", s.blocks},  {"num_attention_heads", s.heads},
                  {"vocab_size", s.vocabulary}, {"max_position_embeddings", 128}, {"tie_word_embeddings", true}};
        matrix("model.decoder.embed_tokens", s.vocabulary, s.hidden);
        matrix("model.decoder.embed_positions", 130, s.hidden);
        norm("model.decoder.final_layer_norm", s.hidden, true);
        for (std::int64_t block = 0; block < s.blocks; ++block) {
            const std::string at = "model.decoder.layers." + std::to_string(block) + ".";
            norm(at + "self_attn_layer_norm", s.hidden, true);
            norm(at + "final_layer_norm", s.hidden, true);
            for (const char* name : {"q_proj", "k_proj", "v_proj", "out_proj"})
                matrix(at + "self_attn." + name, s.hidden, s.hidden, true);
            matrix(at + "fc1", s.intermediate, s.hidden, true);
            matrix(at + "fc2", s.hidden, s.intermediate, true);
        }
    }

    void make_gpt_neox() {
        const TinyShape& s = shape_;
        config = {{"model_type", "gpt_neox"},
                  {"hidden_size", s.hidden},
                  {"intermediate_size", s.intermediate},
                  {"num_hidden_layers", s.blocks},
                  {"num_attention_heads", s.heads},
                  {"vocab_size", s.vocabulary},
                  {"max_position_embeddings", 128},
                  {"rotary_pct", 0.5},
                  {"tie_word_embeddings", false}};
        matrix("gpt_neox.embed_in", s.vocabulary, s.hidden);
        matrix("embed_out", s.vocabulary, s.hidden);
        norm("gpt_neox.final_layer_norm", s.hidden, true);
        for (std::int64_t block = 0; block < s.blocks; ++block) {
            const std::string at = "gpt_neox.layers." + std::to_string(block) + ".";
            norm(at + "input_layernorm", s.hidden, true);
            norm(at + "post_attention_layernorm", s.hidden, true);
            matrix(at + "attention.query_key_value", 3 * s.hidden, s.hidden, true);
            matrix(at + "attention.dense", s.hidden, s.hidden, true);
            matrix(at + "mlp.dense_h_to_4h", s.intermediate, s.hidden, true);
            matrix(at + "mlp.dense_4h_to_h", s.hidden, s.intermediate, true);
        }
    }

    std::string family_;
    TinyShape shape_;
    std::vector<std::pair<std::string, HostTensor>> tensors_;
    std::uint32_t state_ = 7;
};

} // namespace graticule::testing
