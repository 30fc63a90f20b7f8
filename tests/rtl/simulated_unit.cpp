#include "tests/rtl/simulated_unit.h"

#include <algorithm>
#include <array>
#include <exception>
#include <verilated.h>

#include "Vmac_dgq_int4_int8.h"
#include "Vmac_dint3_int8.h"
#include "Vmac_dint4_int8.h"
#include "Vmac_dint4_int8_symmetric.h"
#include "Vmac_fp4_fp4.h"
#include "Vmac_fp8_fp8.h"
#include "Vmac_int4_int8.h"
#include "Vmac_int8_int8.h"

namespace graticule::testing {
namespace {

template <class Verilated>
class Unit final : public SimulatedUnit {
public:
    std::uint32_t clock(const UnitPorts& ports) override {
        model_.weight = ports.weight;
        model_.activation = ports.activation;
        model_.constants = ports.constants;
        model_.start = ports.start;
        model_.load = ports.load;
        model_.clock = 0;
        model_.eval();
        model_.clock = 1;
        model_.eval();
        return model_.sum;
    }

private:
    VerilatedContext context_;
    Verilated model_{&context_};
};

template <class Verilated>
std::unique_ptr<SimulatedUnit> make() {
    return std::make_unique<Unit<Verilated>>();
}

constexpr std::array rows{
    SimulatedUnitRow{"int8_int8", make<Vmac_int8_int8>},
    SimulatedUnitRow{"int4_int8", make<Vmac_int4_int8>},
    SimulatedUnitRow{"dint4_int8", make<Vmac_dint4_int8>},
    SimulatedUnitRow{"dint4_int8_symmetric", make<Vmac_dint4_int8_symmetric>},
    SimulatedUnitRow{"dint3_int8", make<Vmac_dint3_int8>},
    SimulatedUnitRow{"dgq_int4_int8", make<Vmac_dgq_int4_int8>},
    SimulatedUnitRow{"fp8_fp8", make<Vmac_fp8_fp8>},
    SimulatedUnitRow{"fp4_fp4", make<Vmac_fp4_fp4>},
};

} // namespace

std::span<const SimulatedUnitRow> simulated_units() { return rows; }

std::unique_ptr<SimulatedUnit> simulated_unit(std::string_view name) {
    const auto row = std::find_if(rows.begin(), rows.end(), [&](const SimulatedUnitRow& r) { return r.name == name; });
    if (row == rows.end()) std::terminate();
    return row->make();
}

} // namespace graticule::testing
