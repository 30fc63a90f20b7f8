// From token texts back to text, as the "decoder" of tokenizer.json lists its steps.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/io/text/pre_tokenizer.h"

namespace graticule {

using TokenTexts = std::vector<std::string>;
/// Throws what check_growth does before it has made more than `limit` bytes.
using DecodeStep = std::function<TokenTexts(TokenTexts, std::size_t limit)>;

[[nodiscard]] DecodeStep decode_byte_level();
[[nodiscard]] DecodeStep decode_byte_fallback(); ///< "<0xNN>" tokens become bytes
[[nodiscard]] DecodeStep decode_replace(std::string from, std::string to);
[[nodiscard]] DecodeStep decode_fuse();
[[nodiscard]] DecodeStep decode_strip(std::string character, std::size_t at_start, std::size_t at_end);
[[nodiscard]] DecodeStep decode_metaspace(std::string replacement, PrependScheme scheme);

} // namespace graticule
