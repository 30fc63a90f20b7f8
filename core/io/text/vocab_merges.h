// vocab.json and merges.txt: how GPT-2, OPT and their kin publish a byte-level BPE.
#pragma once

#include <filesystem>
#include <memory>

#include "core/io/tokenizer.h"

namespace graticule {

/// The two files of `folder`; BOS as tokenizer_config.json says, and "</s>" for an OPT model without that file.
[[nodiscard]] std::shared_ptr<const Tokenizer> open_vocab_merges(const std::filesystem::path& folder);

} // namespace graticule
