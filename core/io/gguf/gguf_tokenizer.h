// The tokenizer that a GGUF file carries in its metadata.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/io/gguf/gguf_file.h"
#include "core/io/tokenizer.h"

namespace graticule {

/// Throws Error{bad_input} if the file has none, Error{unsupported} naming tokenizer.ggml.model or tokenizer.ggml.pre.
[[nodiscard]] std::shared_ptr<const Tokenizer> gguf_tokenizer(const GgufFile& file);

/// Values of tokenizer.ggml.pre that are read, one for each way to cut text.
[[nodiscard]] std::vector<std::string> gguf_pre_tokenizers();

} // namespace graticule
