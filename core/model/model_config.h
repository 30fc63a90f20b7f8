// What config.json says, family differences resolved: the decoder reads only this.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace graticule {

enum class NormKind : std::uint8_t { layer, rms, rms_plus_one }; ///< Gemma stores the RMS weight minus one
enum class Activation : std::uint8_t { relu, silu, gelu_tanh, gelu_erf };

struct RopeConfig { // formats.md section 4.7
    enum class Type : std::uint8_t { none, standard, linear, dynamic, llama3 };
    Type type = Type::none;
    double theta = 10000;
    double factor = 1;
    double low_frequency_factor = 1; ///< llama3
    double high_frequency_factor = 4;
    std::int64_t original_positions = 0;    ///< llama3
    std::vector<double> frequency_divisors; ///< GGUF rope_freqs: one a pair; empty: none
    std::int64_t rotary_dim = 0;            ///< leading dimensions of a head that turn; 0: all
};

struct ModelConfig {
    std::string model_type; ///< "opt", "llama", "mistral", "qwen2" ...
    std::int64_t hidden = 0, mlp_hidden = 0, blocks = 0, heads = 0, kv_heads = 0, head_dim = 0, vocabulary = 0;
    std::int64_t max_positions = 0;
    std::int64_t embedding_width = 0; ///< OPT-350m: smaller than hidden, with project_in and project_out
    std::int64_t position_offset = 0; ///< OPT: row = position + 2
    NormKind norm = NormKind::rms;
    double norm_epsilon = 1e-6;
    bool norm_after = false; ///< OPT-350m: residual first, then the norm; no final norm
    Activation activation = Activation::silu;
    bool gated_mlp = true;
    bool tied_head = false;
    RopeConfig rope;
    std::optional<std::int64_t> sliding_window; ///< tokens an attention query sees, where Block::sliding_window
    std::vector<std::uint8_t> sliding_blocks;   ///< one a block, 1: limited to sliding_window; empty: none is
    double attention_scale = 0;                 ///< multiplies q k^T; head_dim^-1/2 unless the family says otherwise
    double attention_softcap = 0;               ///< Gemma 2: cap * tanh(score / cap); 0: none
    double logit_softcap = 0;
    double embedding_scale = 1;
    std::optional<std::int32_t> bos, eos;
    std::string stored_dtype; ///< as config.json says, for people
};

} // namespace graticule
