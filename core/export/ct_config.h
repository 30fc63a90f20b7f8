// What compressed-tensors calls each layer's scheme, and the quantization_config that says so (formats.md section 6).
// Private to the compressed-tensors exporter.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/export/carrier.h"
#include "core/export/exporter.h"
#include "core/io/checkpoint.h"

namespace graticule {

/// How one layer is stored. Layers with equal forms share a config group.
struct CtForm {
    CarrierPlan carrier;
    std::string format; ///< "pack-quantized", "int-quantized", "float-quantized", "nvfp4-pack-quantized" ...
    std::optional<TensorScheme> input;

    bool operator==(const CtForm&) const = default;
};

/// The form of one layer's choice, or why there is none.
struct CtVerdict {
    CtForm form;
    std::string problem; ///< empty: it can be stored
};
[[nodiscard]] CtVerdict ct_verdict(const SchemeChoice& choice);

/// Name of a tensor or module as transformers calls it: some old checkpoints leave the leading "model." out.
[[nodiscard]] std::string client_name(const Model& model, const std::string& checkpoint_name);

/// Clients know modules, so a linear must be one in the checkpoint, stored (out, in). Empty: it is; else why not.
[[nodiscard]] std::string ct_storage_problem(const Model& model, const Linear& linear);

/// The "quantization_config" value of config.json for these forms (index = LayerId; absent: left in float).
[[nodiscard]] nlohmann::ordered_json ct_quantization_config(const Model& model,
                                                            const std::vector<std::optional<CtForm>>& forms);

/// What such a value, ours or another program's, asks of the inputs: `quantizes_inputs` and `input_line` are filled.
void read_ct_inputs(const nlohmann::json& quantization_config, StoredQuantization& stored);

[[nodiscard]] Diagnostics ct_check(const Model& model, const LayerChoices& choices, const ExportOptions& options);

} // namespace graticule
