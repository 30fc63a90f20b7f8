// GPTQ folders as AutoGPTQ and GPTQModel lay them out, AWQ folders as AutoAWQ's gemm kernels read them (formats.md
// sections 7 and 8). Lossless: scales are float16 in the recipe, too.
#pragma once

#include <filesystem>

#include "core/export/exporter.h"

namespace graticule {

[[nodiscard]] Diagnostics check_gptq(const Model& model, const LayerChoices& choices, const ExportOptions& options);
[[nodiscard]] Diagnostics check_awq(const Model& model, const LayerChoices& choices, const ExportOptions& options);
[[nodiscard]] std::optional<StoredLinear> stored_as_gptq(const Linear& linear, const SchemeChoice& choice);
[[nodiscard]] std::optional<StoredLinear> stored_as_awq(const Linear& linear, const SchemeChoice& choice);
void write_gptq(const QuantizedModel& model, const std::filesystem::path& folder, const ExportOptions& options,
                JobContext& ctx);
void write_awq(const QuantizedModel& model, const std::filesystem::path& folder, const ExportOptions& options,
               JobContext& ctx);

} // namespace graticule
