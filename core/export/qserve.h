// QServe's per-group W4A8 layout (omniserve; SGLang's "qoq"; formats.md section 10): codes of 4 bits in tiles as the
// kernel reads them, INT8 scales of groups under a float16 scale of each output. DGQ's dual grain goes there exactly
// after the shift of section 10.4. Servers round the inputs to INT8 per token.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "core/export/exporter.h"

namespace graticule {

[[nodiscard]] Diagnostics check_qserve(const Model& model, const LayerChoices& choices, const ExportOptions& options);
[[nodiscard]] std::optional<StoredLinear> stored_as_qserve(const Linear& linear, const SchemeChoice& choice);
[[nodiscard]] std::unique_ptr<ModelWriter> open_qserve(const QuantizedModel& heading, const LayerChoices& choices,
                                                       const std::filesystem::path& folder,
                                                       const ExportOptions& options);

/// Checkpoints whose quantization_config says quant_method "qoq", as float checkpoints: weights are decoded to float32
/// when they are looked at. Throws Error{bad_input} naming the tensor for what does not fit together.
[[nodiscard]] std::shared_ptr<const Checkpoint> decode_qserve(std::shared_ptr<const Checkpoint> stored,
                                                              const nlohmann::json& quantization_config);

/// `codes` (rows, columns), each below 16, as the bytes of qweight (rows, columns / 2); both are multiples of 32.
[[nodiscard]] std::vector<std::uint8_t> pack_qserve(std::span<const std::uint8_t> codes, std::int64_t rows,
                                                    std::int64_t columns);

} // namespace graticule
