// How the architectures of llama.cpp map to the Hugging Face checkpoints the model families are written for: tensor
// names, what was done to the values, and config.json.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/io/gguf/gguf_file.h"

namespace graticule {

/// What llama.cpp's converter did to a tensor, to be undone.
enum class GgufChange : std::uint8_t {
    none,
    query_rows, ///< rows interleaved for its rotary embedding, by attention heads
    key_rows,   ///< the same, by key-value heads
    plus_one,   ///< 1 added to a norm's weight
    transposed, ///< GPT-2's (in, out) weights
};

struct GgufNameRow {
    std::string_view gguf; ///< "blk.N." stands for "blk.<block>."
    std::string_view hugging_face;
    GgufChange change = GgufChange::none;
};

struct GgufArchitecture {
    std::string_view name;       ///< general.architecture
    std::string_view model_type; ///< config.json
    std::string_view class_name;
    std::span<const GgufNameRow> names; ///< without ".weight" and ".bias"
    /// Of those, the ones that llama.cpp takes a bias of, separated by spaces: without "blk.N.". "*": of all.
    std::string_view biases;
};

/// Throws Error{unsupported} naming the architecture.
[[nodiscard]] const GgufArchitecture& gguf_architecture(const GgufFile& file);

struct GgufMapping {
    std::string name; ///< what it is called on the other side
    GgufChange change = GgufChange::none;
};

/// The architecture that models of this config.json's "model_type" are written in; null: none of them.
[[nodiscard]] const GgufArchitecture* gguf_architecture_for(std::string_view model_type);
/// For messages: "llama, qwen2, ...".
[[nodiscard]] std::string gguf_architecture_names();

/// Nothing for tensors that are not weights (rope_freqs, which goes into the config).
[[nodiscard]] std::optional<GgufMapping> map_gguf_name(const GgufArchitecture& architecture, const std::string& name);

/// The other way round, without ".weight" and ".bias": where "model.layers.3.self_attn.q_proj" goes.
[[nodiscard]] std::optional<GgufMapping> gguf_name_of(const GgufArchitecture& architecture, std::string_view name);

/// What the configuration takes from the tensors, which may lie in other parts than the metadata.
struct GgufContents {
    const GgufTensor* embedding = nullptr;                                   ///< null: there is none
    bool has_head = false, has_attention_bias = false, has_mlp_bias = false; ///< of any linear there
    std::vector<float> rope_divisors;                                        ///< rope_freqs.weight
    std::vector<float> short_factors, long_factors; ///< rope_factors_short.weight, rope_factors_long.weight
};

/// config.json as transformers would write it. Keys of the metadata that change the arithmetic and are not done throw
/// Error{unsupported}; those that this program does not know go into `warnings`.
[[nodiscard]] std::string gguf_config_json(const GgufFile& file, const GgufArchitecture& architecture,
                                           const GgufContents& contents, std::vector<std::string>& warnings);

} // namespace graticule
