// What a scheme and a recipe cost in hardware, from the units that were measured (core/format/mac_units.h).
#pragma once

#include <optional>

#include "core/format/mac_units.h"
#include "core/model/model.h"
#include "core/recipe/layer_rules.h"

namespace graticule {

/// The unit that multiplies this scheme's weights by its inputs; null when one of them is not quantized or no unit was
/// made for the pair.
[[nodiscard]] const MacUnit* mac_unit_of(const QuantScheme& scheme);

struct HardwareCost {
    double area = 0, power = 0; ///< of INT8 x INT8's, mean over all multiplications of a token
};
/// Over the decoder's linears, each counted by its weights: one multiplication per weight and token. Absent when a
/// linear has no unit. 16-bit work beside the units (kept channels, low-rank terms) is not counted.
[[nodiscard]] std::optional<HardwareCost> hardware_cost(const Model& model, const LayerRules& rules);

} // namespace graticule
