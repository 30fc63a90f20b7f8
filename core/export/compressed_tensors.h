// compressed-tensors: the container that transformers, vLLM and SGLang read (formats.md section 6).
#pragma once

#include <filesystem>
#include <memory>

#include "core/export/exporter.h"

namespace graticule {

[[nodiscard]] Diagnostics check_compressed_tensors(const Model& model, const LayerChoices& choices,
                                                   const ExportOptions& options);
void write_compressed_tensors(const QuantizedModel& model, const std::filesystem::path& folder,
                              const ExportOptions& options, JobContext& ctx);
[[nodiscard]] std::shared_ptr<const Checkpoint> read_back_compressed_tensors(const std::filesystem::path& folder);

/// A checkpoint whose config.json says quant_method "compressed-tensors", seen as the float checkpoint it stands for:
/// packed and integer weights stand under their original names and are decoded to float32, row by row, when they are
/// looked at. Any other checkpoint comes back as it is. Throws Error{unsupported} naming the tensor for the variants
/// that are not read (4-bit floats, group index).
[[nodiscard]] std::shared_ptr<const Checkpoint> decode_compressed_tensors(std::shared_ptr<const Checkpoint> checkpoint);

} // namespace graticule
