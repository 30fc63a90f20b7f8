#include "core/recipe/hardware_cost.h"

namespace graticule {

const MacUnit* mac_unit_of(const QuantScheme& scheme) {
    if (!scheme.weight || !scheme.input) return nullptr;
    const bool dual_grain = is_dual_grain(scheme.weight->levels);
    return find_mac_unit(*scheme.weight->format, *scheme.input->format, dual_grain);
}

std::optional<HardwareCost> hardware_cost(const Model& model, const LayerRules& rules) {
    HardwareCost cost;
    double multiplications = 0;
    for (const Linear& linear : model.linears()) {
        const MacUnit* unit = mac_unit_of(rules.scheme_of(linear).scheme);
        if (!unit) return std::nullopt;
        const auto count = static_cast<double>(linear.out_features() * linear.in_features());
        multiplications += count;
        cost.area += unit->area * count;
        cost.power += unit->power * count;
    }
    if (multiplications == 0) return std::nullopt;
    return HardwareCost{cost.area / multiplications, cost.power / multiplications};
}

} // namespace graticule
