// The tokenizer that tokenizer.json, vocab.json + merges.txt and GGUF metadata are all turned into: added tokens are
// cut out, the rest is normalized, cut into pieces and handed to a subword model.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/io/text/added_tokens.h"
#include "core/io/text/normalizer.h"
#include "core/io/text/pre_tokenizer.h"
#include "core/io/text/subword_model.h"
#include "core/io/text/token_decoder.h"
#include "core/io/tokenizer.h"

namespace graticule {

struct TokenizerParts {
    std::vector<AddedToken> added;
    std::vector<NormalizeStep> normalizers;
    std::vector<PreTokenStep> pre_tokenizers;
    std::shared_ptr<const SubwordModel> model;
    std::vector<DecodeStep> decoders; ///< none: token texts with spaces between, as the reference library does
    std::vector<std::int32_t> prefix; ///< around a text when special tokens are added
    std::vector<std::int32_t> suffix;
    std::optional<std::int32_t> bos;
    std::optional<std::int32_t> eos;
    std::string kind;               ///< "byte-level BPE"
    std::string origin;             ///< "tokenizer.json"
    std::string file;               ///< its path, for messages
    std::vector<std::string> notes; ///< as Tokenizer::notes
};

[[nodiscard]] std::shared_ptr<const Tokenizer> make_pipeline_tokenizer(TokenizerParts parts);

} // namespace graticule
