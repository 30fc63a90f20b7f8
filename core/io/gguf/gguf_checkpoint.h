// A GGUF file, or the parts of a split one, behind the face of a Hugging Face checkpoint.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/io/checkpoint.h"
#include "core/io/gguf/gguf_file.h"

namespace graticule {

/// `file` may be any part of a split model ("name-00002-of-00003.gguf"); the others must lie beside it.
[[nodiscard]] std::shared_ptr<const Checkpoint> open_gguf(const std::filesystem::path& file);

/// The same from parts that are open already, the one with the metadata first.
[[nodiscard]] std::shared_ptr<const Checkpoint>
make_gguf_checkpoint(std::vector<std::shared_ptr<const GgufFile>> parts);

/// The number of parts and the name they share, for a file named like a part: {"name", 2, 3}.
struct GgufPartName {
    std::string stem;
    int number = 1; ///< from 1
    int count = 1;
};
[[nodiscard]] GgufPartName gguf_part_name(const std::filesystem::path& file);

} // namespace graticule
