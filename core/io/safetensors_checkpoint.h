// A Hugging Face checkpoint on disk: config.json beside one safetensors file or several shards.
#pragma once

#include <filesystem>
#include <memory>

#include "core/io/checkpoint.h"

namespace graticule {

/// One file, whatever its name; config.json lies beside it.
[[nodiscard]] std::shared_ptr<const Checkpoint> open_safetensors(const std::filesystem::path& file);
/// model.safetensors.index.json: {"weight_map": {tensor: file}}.
[[nodiscard]] std::shared_ptr<const Checkpoint> open_safetensors_shards(const std::filesystem::path& index);

} // namespace graticule
