// Checkpoints of GPTQ and AWQ folders as float checkpoints (formats.md sections 7 and 8).
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "core/io/checkpoint.h"

namespace graticule {

/// `quantization_config` says quant_method "gptq" or "awq". Packed weights stand under "<module>.weight" and are
/// decoded to float32 when they are looked at. Throws Error{unsupported} naming the key for variants that are not read,
/// Error{bad_input} naming the tensor for what does not fit together.
[[nodiscard]] std::shared_ptr<const Checkpoint> decode_gptq_awq(std::shared_ptr<const Checkpoint> stored,
                                                                const nlohmann::json& quantization_config);

} // namespace graticule
