// Checkpoints whose weights another run quantized, seen as the float checkpoints they stand for: the one place that
// knows which containers there are.
#pragma once

#include <filesystem>
#include <memory>

#include "core/io/checkpoint.h"

namespace graticule {

/// compressed-tensors, GPTQ, AWQ (config.json says so) and our own container (its header does). Others come back as
/// they are. Throws as the readers of these do.
[[nodiscard]] std::shared_ptr<const Checkpoint> decode_stored_weights(std::shared_ptr<const Checkpoint> checkpoint);

/// Opens what an exporter wrote into a folder.
[[nodiscard]] std::shared_ptr<const Checkpoint> read_back_folder(const std::filesystem::path& folder);

} // namespace graticule
