// Figures of the layers of runs in a session file, which goes to other machines: the members that a record holds
// (core/engine/record.h), in its order, as JSON. Runs of one quantization share them.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "app/session/run.h"

namespace graticule {

[[nodiscard]] nlohmann::json reports_to_json(const std::vector<LayerReport>& reports);
/// Throws nlohmann's exceptions and Error{bad_input} where it is not what reports_to_json wrote.
[[nodiscard]] std::vector<LayerReport> reports_from_json(const nlohmann::json& value);

/// As member "layers" of a document. Of what would take more than `most_bytes` in all the first of `runs` are left out;
/// returns how many quantizations.
std::size_t write_layers_to(nlohmann::json& document, const std::vector<Run>& runs,
                            std::size_t most_bytes = std::size_t{24} << 20);
void read_layers_of(const nlohmann::json& document, std::vector<Run>& runs);

} // namespace graticule
