// selftest: proves the kernels of this machine against the CPU reference, with the cases the tests use.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "app/cli/command.h"
#include "app/cli/console.h"
#include "app/cli/table.h"
#include "core/runtime/device.h"
#include "kernels/api/backends.h"
#include "kernels/conformance/conformance.h"

namespace graticule::cli {
namespace {

struct Args {
    bool quick = false;
};

void selftest_command(const Args& args, Console& console) {
    const Device device = open_device(console.job().device); // says what is missing where there is no such device
    console.job().progress.begin("Testing the kernels of " + device.label(), 0);
    const auto results = run_conformance(
        device.kernels(), cpu_backend(), device.is_cuda() ? cuda_memory() : host_memory(),
        args.quick ? ConformanceDepth::quick : ConformanceDepth::full, [&] { console.job().check_cancelled(); });
    nlohmann::json rows = nlohmann::json::array();
    Table table({{"operation"}, {"format"}, {"cases", Align::right}, {"failures", Align::right}});
    int cases = 0, failures = 0;
    std::string first;
    for (const ConformanceResult& result : results) {
        rows.push_back({{"operation", result.operation},
                        {"format", result.format},
                        {"cases", result.cases},
                        {"failures", result.failures},
                        {"first_failure", result.first_failure}});
        table.add({result.operation, result.format, std::to_string(result.cases), std::to_string(result.failures)});
        cases += result.cases;
        failures += result.failures;
        if (first.empty()) first = result.first_failure;
    }
    console.print(table.text() + "\n" + device.label() + " against the CPU reference: " +
                  std::to_string(cases - failures) + " of " + std::to_string(cases) + " cases agree\n");
    if (failures > 0)
        throw Error(ErrorKind::device, std::to_string(failures) + " of " + std::to_string(cases) + " cases failed on " +
                                           device.label() + "; the first: " + first);
    console.print_json({{"device", device.label()}, {"cases", cases}, {"failures", failures}, {"results", rows}});
}

} // namespace

Action declare_selftest(CLI::App& options) {
    auto args = std::make_shared<Args>();
    options.add_flag("--quick", args->quick, "Two formats and three inputs only");
    return [args](Console& console) { selftest_command(*args, console); };
}

} // namespace graticule::cli
