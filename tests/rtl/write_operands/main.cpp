// Writes the operand streams that docs/results/make_mac_unit.sh measures switching with, one file per unit:
//
//     write_operands FOLDER
//
// FOLDER/<unit>.bin, all uint32: clocks, lanes; for each clock the ports of every lane, from the lowest bit: weight (8
// bits), activation (8), constants (12), load, start; last, for every lane, the sum that the unit must end with.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "core/base/error.h"
#include "core/runtime/host_threads.h"
#include "tests/rtl/operand_streams.h"

using namespace graticule;
using namespace graticule::testing;

namespace {

constexpr std::int64_t lanes_per_linear = 16, terms = 128;

std::uint32_t packed(const UnitPorts& ports) {
    return ports.weight | std::uint32_t(ports.activation) << 8U | std::uint32_t(ports.constants) << 16U |
           std::uint32_t(ports.load) << 28U | std::uint32_t(ports.start) << 29U;
}

void write(const std::filesystem::path& path, const std::vector<OperandLane>& lanes) {
    std::ofstream out(path, std::ios::binary);
    const auto put = [&](std::uint32_t word) { out.write(reinterpret_cast<const char*>(&word), sizeof word); };
    const std::size_t clocks = lanes.front().clocks.size();
    put(static_cast<std::uint32_t>(clocks));
    put(static_cast<std::uint32_t>(lanes.size()));
    for (std::size_t clock = 0; clock < clocks; ++clock)
        for (const OperandLane& lane : lanes) put(packed(lane.clocks[clock]));
    for (const OperandLane& lane : lanes) put(lane.sum);
    out.flush();
    if (!out) throw Error{ErrorKind::bad_input, "cannot write " + path.string()};
    std::cout << path.string() << ": " << lanes.size() << " lanes of " << clocks << " clocks\n";
}

} // namespace

int main(int argc, char** argv) {
    let_workers_sleep(argv);
    if (argc != 2) {
        std::cerr << "usage: write_operands FOLDER\n";
        return 2;
    }
    try {
        for (const UnitOperands& row : unit_operands()) {
            std::vector<OperandLane> lanes;
            for (const char* model : {"sample-opt", "sample-llama"}) {
                const QuantizedSample sample = quantized_sample(model, row.recipe);
                for (OperandLane& lane : operand_lanes(*sample.quantized, *sample.stats, lanes_per_linear, terms))
                    lanes.push_back(std::move(lane));
            }
            write(std::filesystem::path(argv[1]) / (std::string(row.unit) + ".bin"), lanes);
        }
    } catch (const std::exception& error) {
        std::cerr << "error: " << error.what() << '\n';
        return 1;
    }
}
