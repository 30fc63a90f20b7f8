#include "core/model/config_fields.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "core/base/error.h"
#include "core/base/word_list.h"

namespace graticule {
namespace {

struct Harmless {
    std::string_view fields; ///< separated by spaces; one that ends in * stands for all that begin so
    std::string_view reason; ///< why no result changes, whatever their values
};

constexpr Harmless harmless_fields[] = {
    {"_name_or_path name_or_path architectures transformers_version auto_map model_name license pipeline_tag "
     "unsloth_version unsloth_fixed transformers.js_config language tags",
     "name the model, its class and the program that wrote it"},
    {"initializer_range initializer_factor init_std init_method use_mup", "values before the first training"},
    {"attention_dropout hidden_dropout dropout resid_pdrop embd_pdrop attn_pdrop activation_dropout layerdrop "
     "classifier_dropout classifier_dropout_prob summary_* router_aux_loss_coef router_jitter_noise "
     "output_router_logits gradient_checkpointing embedding_dropout rotary_dropout loss_type",
     "act while training, or in heads for other tasks"},
    {"use_cache cache_implementation pretraining_tp slow_but_exact reorder_and_upcast_attn attention_softmax_in_fp32 "
     "masked_softmax_fusion bias_dropout_fusion skip_bias_add skip_bias_add_qkv _attn_* attn_implementation "
     "use_flash_attention use_flash_attn chunk_size_feed_forward torchscript return_dict output_attentions "
     "output_hidden_states use_bfloat16 tensor_parallel offset_alibi n_ctx residual_in_fp32",
     "how or how fast the same numbers are computed, and what is returned"},
    {"pad_token_id sep_token_id cls_token_id unk_token_id unk_index prefix max_length min_length do_sample "
     "early_stopping num_beams num_beam_groups diversity_penalty temperature top_k top_p typical_p "
     "repetition_penalty length_penalty no_repeat_ngram_size encoder_no_repeat_ngram_size bad_words_ids "
     "num_return_sequences output_scores return_dict_in_generate forced_bos_token_id forced_eos_token_id "
     "remove_invalid_values exponential_decay_length_penalty suppress_tokens begin_suppress_tokens "
     "decoder_start_token_id n_special predict_special_tokens tokenizer_class",
     "how text is generated or padded"},
    {"id2label label2id num_labels problem_type finetuning_task task_specific_params tie_encoder_decoder "
     "cross_attention_hidden_size is_decoder classifier_activation",
     "other tasks than language modelling"},
    {"quantization_config", "read where the checkpoint is opened"},
    {"rope_scaling rope_theta rope_local_base_freq original_max_position_embeddings rotary_pct rotary_emb_base",
     "an older way to say what rope_parameters says"},
    {"sliding_window max_window_layers use_sliding_window layer_types sliding_window_pattern "
     "_sliding_window_pattern",
     "windows that are switched off, that layer_types lists already, or that the family does not have"},
    {"num_experts num_local_experts num_experts_per_tok moe_intermediate_size decoder_sparse_step mlp_only_layers "
     "norm_topk_prob",
     "experts that are switched off"},
    {"num_ln_in_parallel_attn", "which norms there are is seen from the tensors"},
    {"num_kv_heads", "of the new decoder architecture; the old one says multi_query"},
    {"hidden_act", "hidden_activation goes before it"},
    {"head_dim num_key_value_heads max_position_embeddings seq_length n_inner",
     "the family has no such choice, or says it under its own name"},
};

/// Switches of arithmetic that is not done: any other value than these is another model.
struct Required {
    std::string_view field;
    std::string_view neutral; ///< JSON; null is neutral, too
    bool refused = true;      ///< false: transformers does not do it either, so that it is said alone
};
constexpr Required required_fields[] = {
    {"is_encoder_decoder", "false"},
    {"add_cross_attention", "false"},
    {"use_bidirectional_attention", "false"},
    {"pruned_heads", "{}"},
    {"clip_qkv", "null"},
    {"use_mrope", "false"},
    {"alibi", "false"},
    {"scale_attn_by_inverse_layer_idx", "false"},
    {"apply_residual_connection_post_layernorm", "false"},
    {"attn_logit_softcapping", "0", false},
    {"partial_rotary_factor", "1", false},
    {"rope_parameters.partial_rotary_factor", "1", false},
    {"rope_scaling.partial_rotary_factor", "1", false},
};

/// 1.0 is 1. What was cut short for a message is no JSON, and neutral to nothing.
bool same_value(std::string_view a, std::string_view b) {
    return nlohmann::json::parse(a, nullptr, false) == nlohmann::json::parse(b, nullptr, false);
}

} // namespace

void note_unread_fields(const ConfigReader& config, ModelConfig& model) {
    std::vector<std::string> unknown;
    for (const std::string& field : config.unread()) {
        const auto required = std::ranges::find(required_fields, field, &Required::field);
        if (required != std::end(required_fields)) {
            const std::string value = config.shown(field);
            if (value == "null" || same_value(value, required->neutral)) continue;
            if (!required->refused)
                unknown.push_back(field);
            else
                throw Error(ErrorKind::unsupported, "\"" + field + "\" is " + value +
                                                        ", which is not done; models with " +
                                                        std::string(required->neutral) + " are");
        } else if (std::ranges::none_of(harmless_fields,
                                        [&](const Harmless& row) { return lists(row.fields, field); })) {
            unknown.push_back(field);
        }
    }
    if (unknown.empty()) return;
    constexpr std::size_t most = 8;
    std::string text = "config.json has fields that this program does not know for \"" + model.model_type + "\": ";
    for (std::size_t i = 0; i < std::min(unknown.size(), most); ++i)
        text += (i > 0 ? ", " : "") + unknown[i] + " = " + config.shown(unknown[i]);
    if (unknown.size() > most) text += " and " + std::to_string(unknown.size() - most) + " more";
    model.notes.push_back(text + "; what they change, if anything, is not computed");
}

} // namespace graticule
