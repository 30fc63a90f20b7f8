// What a pair of number formats costs in hardware: area and power of a multiply-accumulate unit relative to INT8 x
// INT8, as measured on the units of kernels/rtl (docs/results/mac_unit.md: how, and what the figures leave out).
#pragma once

#include <span>
#include <string_view>

#include "core/format/quant_format.h"

namespace graticule {

struct MacUnit {
    std::string_view unit;            ///< kernels/rtl/mac_<unit>.sv
    std::string_view label;           ///< "dINT4 × INT8"
    std::string_view weights, inputs; ///< QuantFormat::name
    bool expands_groups = false;      ///< for weights of the dual grain: DGQ's expansion is part of the unit
    double area = 0, power = 0;       ///< of INT8 x INT8's; 32-bit accumulator included, power with glitches
};

[[nodiscard]] std::span<const MacUnit> all_mac_units();
/// Null when no unit was made for the pair.
[[nodiscard]] const MacUnit* find_mac_unit(const QuantFormat& weights, const QuantFormat& inputs, bool dual_grain);
/// Where the figures come from, in a sentence.
[[nodiscard]] std::string_view mac_unit_source();

} // namespace graticule
