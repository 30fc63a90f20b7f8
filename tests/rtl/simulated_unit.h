// A unit of kernels/rtl, translated to C++ by Verilator, behind the ports that all of them share.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace graticule::testing {

/// What stands on a unit's ports in one clock (kernels/rtl/mac_int8_int8.sv says what they mean).
struct UnitPorts {
    std::uint8_t weight = 0, activation = 0;
    std::uint16_t constants = 0; ///< 12 bits
    bool start = false, load = false;
};

class SimulatedUnit {
public:
    virtual ~SimulatedUnit() = default;
    /// One clock; the sum after it, as the bits of the register.
    virtual std::uint32_t clock(const UnitPorts& ports) = 0;
};

struct SimulatedUnitRow {
    std::string_view name; ///< "dint4_int8"
    std::unique_ptr<SimulatedUnit> (*make)();
};
[[nodiscard]] std::span<const SimulatedUnitRow> simulated_units();
/// By name; a name that is not there ends the test program.
[[nodiscard]] std::unique_ptr<SimulatedUnit> simulated_unit(std::string_view name);

} // namespace graticule::testing
