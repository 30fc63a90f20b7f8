// compressed-tensors: the container that transformers, vLLM and SGLang read (formats.md section 6).
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>

#include "core/export/exporter.h"

namespace graticule {

[[nodiscard]] Diagnostics check_compressed_tensors(const Model& model, const LayerChoices& choices,
                                                   const ExportOptions& options);
[[nodiscard]] std::unique_ptr<ModelWriter> open_compressed_tensors(const QuantizedModel& heading,
                                                                   const LayerChoices& choices,
                                                                   const std::filesystem::path& folder,
                                                                   const ExportOptions& options);
[[nodiscard]] std::optional<StoredLinear> stored_as_compressed_tensors(const Linear& linear,
                                                                       const SchemeChoice& choice);

/// A checkpoint of this "quantization_config", seen as the float checkpoint it stands for: weights stand under their
/// original names and are decoded to float32 when they are looked at. Throws Error{unsupported} naming the key or tensor
/// for what is not read (sparse weights, group index).
[[nodiscard]] std::shared_ptr<const Checkpoint> decode_compressed_tensors(std::shared_ptr<const Checkpoint> checkpoint,
                                                                          const nlohmann::json& quantization_config);

} // namespace graticule
