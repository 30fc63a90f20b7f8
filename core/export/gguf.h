// One GGUF file as llama.cpp reads it (formats.md section 9): linears in block types that hold the recipe's grid bit
// for bit, everything else as it is stored, the tokenizer and where it came from in the metadata.
#pragma once

#include <filesystem>

#include "core/export/exporter.h"

namespace graticule {

/// The file inside the exported folder.
inline constexpr const char* gguf_file_name = "model.gguf";

[[nodiscard]] Diagnostics check_gguf(const Model& model, const LayerChoices& choices, const ExportOptions& options);
/// The layout is the name of the block type: "Q4_1".
[[nodiscard]] std::optional<StoredLinear> stored_as_gguf(const Linear& linear, const SchemeChoice& choice);
/// Each linear goes to its place in the file as it comes; the rest waits for what folding makes of it.
[[nodiscard]] std::unique_ptr<ModelWriter> open_gguf_folder(const QuantizedModel& heading, const LayerChoices& choices,
                                                            const std::filesystem::path& folder,
                                                            const ExportOptions& options);

} // namespace graticule
