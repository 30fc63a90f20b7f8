// Our own container: every quantized weight at its true size, codes, scales and zero points as the recipe codes them,
// lossless for every format there is (docs/packed; a reader in Python stands there). It is a safetensors
// file whose header describes it, under a name that no other program looks for: none loads it by accident.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "core/export/exporter.h"

namespace graticule {

[[nodiscard]] Diagnostics check_packed(const Model& model, const LayerChoices& choices, const ExportOptions& options);
[[nodiscard]] std::optional<StoredLinear> stored_as_packed(const Linear& linear, const SchemeChoice& choice);
[[nodiscard]] std::unique_ptr<ModelWriter> open_packed(const QuantizedModel& heading, const LayerChoices& choices,
                                                       const std::filesystem::path& folder,
                                                       const ExportOptions& options);

/// What the header of its files says about the container; empty: it is none of ours.
[[nodiscard]] std::string packed_description(const Checkpoint& checkpoint);

/// A checkpoint with this description, seen as the float checkpoint it stands for: weights are decoded to float32 when
/// they are looked at. Throws Error{bad_input} naming the tensor for what does not fit together, Error{unsupported} for
/// a version or a format that this program does not know; the latter two and the tensor's own when it is asked for.
[[nodiscard]] std::shared_ptr<const Checkpoint> decode_packed(std::shared_ptr<const Checkpoint> checkpoint,
                                                              const std::string& description);

} // namespace graticule
