// The JSON header of a safetensors file, checked whole. Values are taken as they come, without a tree of the text: at
// most a few hundred bytes of memory per tensor, well under a second for the largest header that is read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/io/safetensors.h"

namespace graticule {

/// The reference reader takes 100 MB; the headers of the largest models have about one per shard.
inline constexpr std::uint64_t max_safetensors_header_bytes = std::uint64_t{32} << 20;

struct SafetensorsHeader {
    std::vector<SafetensorsEntry> entries; ///< in file order
    std::unordered_map<std::string, std::size_t> index;
    std::map<std::string, std::string> metadata;
};

/// `data_bytes`: what follows the header in the file. Throws as SafetensorsFile::open.
[[nodiscard]] SafetensorsHeader read_safetensors_header(std::string_view text, const std::filesystem::path& file,
                                                        std::uint64_t data_bytes);

} // namespace graticule
