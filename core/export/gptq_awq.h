// GPTQ folders as AutoGPTQ and GPTQModel lay them out, AWQ folders as AutoAWQ's gemm kernels read them (formats.md
// sections 7 and 8). Lossless: scales are float16 in the recipe, too.
#pragma once

#include <filesystem>
#include <memory>

#include "core/export/exporter.h"

namespace graticule {

[[nodiscard]] Diagnostics check_gptq(const Model& model, const LayerChoices& choices, const ExportOptions& options);
[[nodiscard]] Diagnostics check_awq(const Model& model, const LayerChoices& choices, const ExportOptions& options);
[[nodiscard]] std::optional<StoredLinear> stored_as_gptq(const Linear& linear, const SchemeChoice& choice);
[[nodiscard]] std::optional<StoredLinear> stored_as_awq(const Linear& linear, const SchemeChoice& choice);
[[nodiscard]] std::unique_ptr<ModelWriter> open_gptq(const QuantizedModel& heading, const LayerChoices& choices,
                                                     const std::filesystem::path& folder, const ExportOptions& options);
[[nodiscard]] std::unique_ptr<ModelWriter> open_awq(const QuantizedModel& heading, const LayerChoices& choices,
                                                    const std::filesystem::path& folder, const ExportOptions& options);

} // namespace graticule
