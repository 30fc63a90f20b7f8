// Our own container: every quantized weight at its true size, codes, scales and zero points as the recipe codes them,
// lossless for every format there is (docs/formats/packed.md; a reader in Python stands beside it). It is a safetensors
// file whose header describes it, under a name that no other program looks for: none loads it by accident.
#pragma once

#include <filesystem>
#include <memory>

#include "core/export/exporter.h"

namespace graticule {

/// Key of the description in the file's "__metadata__".
inline constexpr const char* packed_header = "graticule_packed";

[[nodiscard]] Diagnostics check_packed(const Model& model, const LayerChoices& choices, const ExportOptions& options);
void write_packed(const QuantizedModel& model, const std::filesystem::path& folder, const ExportOptions& options,
                  JobContext& ctx);

/// A checkpoint with such a description, seen as the float checkpoint it stands for: weights are decoded to float32
/// when they are looked at. One without comes back as it is. Throws Error{bad_input} naming the tensor for what does
/// not fit together, Error{unsupported} for a version or a format that this program does not know.
[[nodiscard]] std::shared_ptr<const Checkpoint> decode_packed(std::shared_ptr<const Checkpoint> checkpoint);

} // namespace graticule
