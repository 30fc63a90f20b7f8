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
    enum class Type : std::uint8_t { none, standard, linear, dynamic, llama3, yarn, longrope };
    Type type = Type::none;
    double theta = 10000;
    double factor = 1;
    double low_frequency_factor = 1; ///< llama3
    double high_frequency_factor = 4;
    std::int64_t original_positions = 0;    ///< llama3, yarn, longrope: positions of the first training
    std::vector<double> frequency_divisors; ///< GGUF rope_freqs: one a pair; empty: none
    std::int64_t rotary_dim = 0;            ///< leading dimensions of a head that turn; 0: all
    double beta_fast = 32, beta_slow = 1;   ///< yarn: turns over the original positions where the ramp begins and ends
    bool truncate = true;                   ///< yarn: the ramp's ends are whole dimensions
    double attention_factor = 1;            ///< yarn, longrope: multiplies cosine and sine
    std::vector<double> short_factors, long_factors; ///< longrope: one per pair, up to and beyond original_positions
};

/// How keys and queries of one position relate to those of another.
enum class PositionKind : std::uint8_t {
    learned_or_rotary, ///< a table of positions, or RopeConfig
    alibi,             ///< BLOOM: a slope per head times the distance, added to the scores
};

struct ModelConfig {
    std::string model_type; ///< "opt", "llama", "mistral", "qwen2" ...
    std::int64_t hidden = 0, mlp_hidden = 0, blocks = 0, heads = 0, kv_heads = 0, head_dim = 0, vocabulary = 0;
    std::int64_t max_positions = 0;
    std::int64_t embedding_width = 0; ///< OPT-350m: smaller than hidden, with project_in and project_out
    std::int64_t position_offset = 0; ///< OPT: row = position + 2
    NormKind norm = NormKind::rms;
    double norm_epsilon = 1e-6;
    bool norm_after = false; ///< OPT-350m: residual first, then the norm
    bool final_norm = true;
    bool query_key_norms = false; ///< on each head's query and key, or over all heads at once
    /// Which linears have biases. Tensors that the configuration does not announce are no part of the model.
    struct Biases {
        bool qkv = false, output = false, mlp = false;
    } biases;
    bool parallel = false; ///< GPT-NeoX, Falcon: attention and MLP read the same state and are added together
    Activation activation = Activation::silu;
    bool gated_mlp = true;
    /// A fused q, k, v is stored head by head, the query heads of a key-value head before its k and v; else all of q,
    /// then all of k, then all of v.
    bool fused_by_head = false;
    bool tied_head = false;
    std::int64_t experts = 0;               ///< per block with a router; 0: one MLP per block
    std::int64_t expert_hidden = 0;         ///< width inside an expert
    std::vector<std::uint8_t> dense_blocks; ///< one per block, 1: an MLP without router all the same; empty: none
    std::int64_t experts_per_token = 0;     ///< the highest scores of the router
    bool normalize_experts = true;          ///< their weights sum to one; false: as the softmax over all gave them
    RopeConfig rope;
    std::optional<RopeConfig> sliding_rope; ///< Gemma 3: that of the blocks with a sliding window
    PositionKind positions = PositionKind::learned_or_rotary;
    std::optional<std::int64_t> sliding_window; ///< tokens an attention query sees, where Block::sliding_window
    std::vector<std::uint8_t> sliding_blocks;   ///< one a block, 1: limited to sliding_window; empty: none is
    double attention_scale = 0;                 ///< multiplies q k^T; head_dim^-1/2 unless the family says otherwise
    double attention_softcap = 0;               ///< Gemma 2: cap * tanh(score / cap); 0: none
    double logit_softcap = 0;
    double embedding_scale = 1;
    std::optional<std::int32_t> bos, eos;
    std::string stored_dtype;       ///< as config.json says, for people
    std::vector<std::string> notes; ///< fields that are not known to this program, in sentences
};

} // namespace graticule
