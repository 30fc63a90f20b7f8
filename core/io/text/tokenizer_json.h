// tokenizer.json, the format of the Hugging Face tokenizers library.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "core/io/text/tokenizer_config.h"
#include "core/io/tokenizer.h"

namespace graticule {

/// Throws Error{unsupported} naming the component and its type for anything that is not rebuilt exactly here.
[[nodiscard]] std::shared_ptr<const Tokenizer> open_tokenizer_json(const std::filesystem::path& file);
/// `name` is how messages call the text.
[[nodiscard]] std::shared_ptr<const Tokenizer> parse_tokenizer_json(std::string_view text, const std::string& name,
                                                                    const TokenizerConfig& config);

} // namespace graticule
