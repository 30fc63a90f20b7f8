#include "core/format/mac_units.h"

#include <algorithm>
#include <array>

namespace graticule {

namespace {

// docs/results/mac_unit.json, made by docs/results/make_mac_unit.sh; tst_format_registry compares the two.
constexpr std::array units{
    MacUnit{"int8_int8", "INT8 × INT8", "int8", "int8", false, 1.000, 1.000},
    MacUnit{"int4_int8", "INT4 × INT8", "int4", "int8", false, 0.736, 0.590},
    MacUnit{"dint4_int8", "dINT4 × INT8", "dint4", "int8", false, 0.886, 0.800},
    MacUnit{"dint3_int8", "dINT3 × INT8", "dint3", "int8", false, 0.793, 0.688},
    MacUnit{"dgq_int4_int8", "DGQ: INT4 → INT8 × INT8", "int4", "int8", true, 1.356, 1.260},
    MacUnit{"fp8_fp8", "FP8 E4M3 × FP8 E4M3", "fp8_e4m3", "fp8_e4m3", false, 2.238, 3.301},
    MacUnit{"fp4_fp4", "FP4 E2M1 × FP4 E2M1", "fp4_e2m1", "fp4_e2m1", false, 0.655, 0.476},
};

} // namespace

std::span<const MacUnit> all_mac_units() { return units; }

const MacUnit* find_mac_unit(const QuantFormat& weights, const QuantFormat& inputs, bool dual_grain) {
    const auto row = std::find_if(units.begin(), units.end(), [&](const MacUnit& unit) {
        return unit.weights == weights.name && unit.inputs == inputs.name && unit.expands_groups == dual_grain;
    });
    return row == units.end() ? nullptr : &*row;
}

std::string_view mac_unit_source() {
    return "relative to INT8 × INT8 with a 32-bit accumulator, scaling of the sum not counted; synthesized from "
           "kernels/rtl for OSU's 0.18 µm cells, switching on operands of the sample models' layers: "
           "docs/results/mac_unit.md";
}

} // namespace graticule
