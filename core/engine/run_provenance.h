// What a run's provenance has in common, whichever verb ran.
#pragma once

#include <cstdint>
#include <span>

#include "core/base/execution.h"
#include "core/base/provenance.h"
#include "core/engine/engine.h"
#include "core/io/corpus.h"
#include "core/runtime/device.h"

namespace graticule {

/// Of the `there` windows that the text has; execution and data_hash are left to whoever runs it.
[[nodiscard]] Protocol evaluation_protocol(const EvaluationSpec& spec, const Tokenizer& tokenizer,
                                           const std::vector<std::int32_t>& ids, const Corpus& corpus,
                                           std::int64_t there);
/// What computes it: device and versions.
void describe_machine(Provenance& provenance, const Device& device);
/// Data (the token ids that were used), device, execution, versions. The model's hash comes last, when the work is
/// done: Model::hash waits for it.
[[nodiscard]] Provenance run_provenance(const Device& device, const Execution& execution, const Corpus& corpus,
                                        std::span<const std::span<const std::int32_t>> windows);
/// What a recipe adds, and the back end that quantized; nothing of the model as it is (null).
void describe_recipe(Provenance& provenance, const QuantizedModel* quantized);
/// The recipe's line, and the target it is served as: "w=int4/sym/g128 a=int8/sym/token as vllm-sm90".
[[nodiscard]] std::string run_name(const QuantizedModel& quantized);
/// What a side is called: as it asks for, or its recipe's line, or what the model without one is called.
[[nodiscard]] std::string side_name(const EvaluationSide& side, const Model& model);

} // namespace graticule
