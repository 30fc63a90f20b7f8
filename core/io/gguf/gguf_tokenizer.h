// The tokenizer that a GGUF file carries in its metadata.
#pragma once

#include <memory>

#include "core/io/gguf/gguf_file.h"
#include "core/io/tokenizer.h"

namespace graticule {

/// Throws Error{bad_input} if the file has none, Error{unsupported} naming tokenizer.ggml.model or tokenizer.ggml.pre.
[[nodiscard]] std::shared_ptr<const Tokenizer> gguf_tokenizer(const GgufFile& file);

} // namespace graticule
