#include "kernels/conformance/row_coverage.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>

namespace graticule {
namespace {

/// The words behind "flags" of the first processor; none where the system lists no such thing.
std::vector<std::string> processor_flags() {
    std::ifstream info("/proc/cpuinfo");
    std::vector<std::string> flags;
    for (std::string line; std::getline(info, line);) {
        if (!line.starts_with("flags")) continue;
        std::istringstream words(line.substr(line.find(':') + 1));
        for (std::string word; words >> word;) flags.push_back(word);
        break;
    }
    return flags;
}

std::string without_flags(const std::vector<std::string>& wanted) {
    const std::vector<std::string> flags = processor_flags();
    std::string lacks;
    for (const std::string& flag : wanted)
        if (std::ranges::find(flags, flag) == flags.end()) lacks += (lacks.empty() ? "" : ", ") + flag;
    return lacks.empty() ? "" : "a processor with " + lacks;
}

std::string without_card(int least, int most) {
    const int capability = driver_capability();
    if (capability >= least && capability <= most) return {};
    const auto text = [](int value) { return std::to_string(value / 10) + "." + std::to_string(value % 10); };
    return "compute capability " + text(least) + (least == most ? "" : " or newer") + "; the first card here has " +
           text(capability);
}

/// What each row there is says that it takes (gemm_kinds, weight_only_kinds).
struct Expectation {
    const char* row;
    std::string (*lacks)();
    std::vector<std::string> kinds;
};

const std::vector<Expectation>& expectations() {
    const auto nothing = [] { return std::string(); };
    const auto ampere = [] { return without_card(80, 1000); };
    static const std::vector<Expectation> all{
        {"integer wgmma sm_90a",
         [] { return without_card(90, 90); },
         {"int4 channel", "int4 dual128", "int4 dual64", "int4 g128", "int4 g64", "dint4 channel", "dint4 dual128",
          "dint4 g128", "int8 channel"}},
        {"integer mma.sync",
         ampere,
         {"int4 channel", "int4 dual128", "int4 dual64", "int4 dual32", "int4 g128", "int4 g64", "dint4 channel",
          "dint4 dual128", "dint4 dual64", "dint4 g128", "int8 channel"}},
        {"integer avx512 vnni",
         [] {
             return without_flags({"avx512_vnni", "avx512bw", "avx512dq", "avx512vl"});
         },
         {"int4 channel", "int4 dual128", "int4 dual64", "int4 dual32", "int4 g128", "int4 g64", "dint4 channel",
          "dint4 dual128", "dint4 dual64", "dint4 g128", "int8 channel", "int8 g128"}},
        {"integer avx2",
         [] {
             return without_flags({"avx2", "fma"});
         },
         {"int4 channel", "int4 dual128", "int4 dual64", "int4 dual32", "int4 g128", "int4 g64", "dint4 channel",
          "dint4 dual128", "dint4 dual64", "dint4 g128"}},
        {"int reference",
         nothing,
         {"int4 channel", "int4 dual128", "int4 dual64", "int4 dual32", "int4 g128", "int4 g64", "dint4 channel",
          "dint4 dual128", "dint4 dual64", "dint4 g128", "int8 channel", "int8 g128", "int3 channel", "dint8 channel"}},
        {"w4a16 mma.sync", ampere, {"w4a16 channel", "w4a16 g128", "w4a16 g64", "w4a16 g256", "w4a16 g192"}},
        {"w4a16 reference",
         nothing,
         {"w4a16 channel", "w4a16 g128", "w4a16 g64", "w4a16 g256", "w4a16 g192", "w4a16 g32", "w8a16 channel"}}};
    return all;
}

RowCoverage coverage_of(std::string_view row, const std::vector<ConformanceResult>& results) {
    RowCoverage coverage;
    coverage.row = row;
    const auto found =
        std::ranges::find_if(expectations(), [&](const Expectation& expected) { return row == expected.row; });
    for (const ConformanceResult& result : results)
        if (result.operation == row) coverage.cases += result.cases;
    if (found == expectations().end()) {
        coverage.missing = {"any kind, for kernels/conformance/row_coverage.cpp does not know the row"};
        return coverage;
    }
    for (const std::string& kind : found->kinds)
        if (std::ranges::none_of(results, [&](const ConformanceResult& result) {
                return result.operation == row && result.format == kind && result.cases > 0;
            }))
            coverage.missing.push_back(kind);
    if (!coverage.missing.empty()) coverage.lacks = found->lacks();
    return coverage;
}

} // namespace

std::string RowCoverage::text() const {
    std::string text = row + ": " + (cases == 0 ? "NOTHING WAS COMPARED" : std::to_string(cases) + " cases");
    if (!lacks.empty()) return text + ", it needs " + lacks;
    for (const std::string& kind : missing) text += (&kind == &missing.front() ? ", none of " : ", ") + kind;
    return text + (missing.empty() ? "" : ", though what it needs is here");
}

std::vector<RowCoverage> row_coverage(const GemmTable& subject, const std::vector<ConformanceResult>& results) {
    std::vector<RowCoverage> all;
    for (const GemmRow& row : subject.rows) all.push_back(coverage_of(row.name, results));
    for (const WeightOnlyRow& row : subject.weight_only) all.push_back(coverage_of(row.name, results));
    return all;
}

int driver_capability() {
    void* library = dlopen("libcuda.so.1", RTLD_NOW);
    if (library == nullptr) return 0;
    const auto start = reinterpret_cast<int (*)(unsigned)>(dlsym(library, "cuInit"));
    const auto device = reinterpret_cast<int (*)(int*, int)>(dlsym(library, "cuDeviceGet"));
    const auto attribute = reinterpret_cast<int (*)(int*, int, int)>(dlsym(library, "cuDeviceGetAttribute"));
    if (start == nullptr || device == nullptr || attribute == nullptr) return 0;
    constexpr int capability_major = 75, capability_minor = 76; // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*
    int first = 0, major = 0, minor = 0;
    if (start(0) != 0 || device(&first, 0) != 0 || attribute(&major, capability_major, first) != 0 ||
        attribute(&minor, capability_minor, first) != 0)
        return 0;
    return 10 * major + minor;
}

} // namespace graticule
