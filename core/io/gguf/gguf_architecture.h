// How the architectures of llama.cpp map to the Hugging Face checkpoints the model families are written for: tensor
// names, what was done to the values, and config.json.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

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
};

/// Throws Error{unsupported} naming the architecture.
[[nodiscard]] const GgufArchitecture& gguf_architecture(const GgufFile& file);

struct GgufMapping {
    std::string name; ///< Hugging Face
    GgufChange change = GgufChange::none;
};

/// Nothing for tensors that are not weights (rope_freqs, which goes into the config).
[[nodiscard]] std::optional<GgufMapping> map_gguf_name(const GgufArchitecture& architecture, const std::string& name);

/// config.json as transformers would write it. `file` holds the metadata; `embedding` and `has_head` come from the
/// tensors, which may lie in other parts; `rope_divisors` is rope_freqs.weight, empty if there is none.
[[nodiscard]] std::string gguf_config_json(const GgufFile& file, const GgufArchitecture& architecture,
                                           const GgufTensor* embedding, bool has_head, bool has_query_bias,
                                           const std::vector<float>& rope_divisors);

} // namespace graticule
