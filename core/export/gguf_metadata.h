// What llama.cpp is told of a model beside its weights (formats.md section 9.4). Private to the GGUF exporter.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/base/diagnostics.h"
#include "core/io/gguf/gguf_architecture.h"
#include "core/io/gguf/gguf_writer.h"
#include "core/model/model.h"

namespace graticule {

/// What of the configuration has no key and is not how llama.cpp computes that architecture (errors), or differs beyond
/// some length of text (warnings).
[[nodiscard]] Diagnostics check_gguf_config(const Model& model, const GgufArchitecture& architecture);

/// The architecture's own keys, rotary scaling included.
void add_gguf_config(const Model& model, const GgufArchitecture& architecture, GgufEntries& entries);

/// Tensors that stand for rotary angles: names and values. LLaMA 3's divisors, Phi-3's factors.
[[nodiscard]] std::vector<std::pair<std::string, std::vector<float>>> gguf_rotary_tensors(const ModelConfig& config);

} // namespace graticule
