// The structure-aware mutator under libFuzzer: its bytes are the mutator's choices, the first one the target.
#include <cstdlib>
#include <string>
#include <unistd.h>

#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/structured/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace graticule::fuzz;
    static const std::filesystem::path scratch = [] {
        std::string pattern = "/tmp/graticule-fuzz-XXXXXX";
        if (::mkdtemp(pattern.data()) == nullptr) std::abort();
        return pattern;
    }();
    if (size == 0) return 0;
    Decisions decide(std::span(data + 1, size - 1));
    const auto targets = engine_targets();
    return run([&] { (void)targets[data[0] % targets.size()].run(decide, scratch); });
}
