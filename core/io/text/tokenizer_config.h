// tokenizer_config.json, special_tokens_map.json and config.json: what they say about special tokens around a text.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace graticule {

struct TokenizerConfig {
    std::optional<bool> add_bos; ///< absent: the tokenizer's own rule
    std::optional<bool> add_eos;
    std::optional<bool> add_prefix_space;
    std::optional<std::string> bos_token;
    std::optional<std::string> eos_token;
    std::optional<std::int32_t> bos_id; ///< of the model's config.json: where nothing names the token
    std::optional<std::int32_t> eos_id;
    std::optional<std::string> unk_token;
    std::optional<std::string> pad_token;
    std::string model_type;      ///< of config.json: "opt"; empty: not said
    std::string tokenizer_class; ///< "GPT2Tokenizer"; empty: not said
};

/// Everything absent when the folder has no such file.
[[nodiscard]] TokenizerConfig read_tokenizer_config(const std::filesystem::path& folder);

} // namespace graticule
