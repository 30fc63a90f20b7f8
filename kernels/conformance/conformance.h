// Proves one back end against another: the same cases through both, codes and values to the bit, counts exactly, sums
// and moments within the bounds of bounds.h, and nothing written outside the outputs. No Qt: `graticule-cli selftest`
// and the tests share it.
//
//     for (const ConformanceResult& row : run_conformance(*cuda_backend(why), cpu_backend(), cuda_memory()))
//         if (row.failures > 0) std::cerr << row.operation << ' ' << row.format << ": " << row.first_failure << '\n';
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "kernels/api/backend.h"
#include "kernels/api/device_memory.h"

namespace graticule {

/// One operation with one number format, over all inputs, shapes, layouts and scale rules.
struct ConformanceResult {
    std::string operation; ///< "quantize"
    std::string format;    ///< "dint4"; "-" for accumulate_statistics
    int cases = 0;
    int failures = 0;
    std::string first_failure; ///< which case, where, what was expected and what came
};

enum class ConformanceDepth {
    full,
    quick, ///< two formats, three inputs: whether a back end works at all, in well under a second
};

/// `reference` must work on host memory. `after_case` is called after every case and stops everything by throwing.
/// Throws KernelError where an operation itself does.
[[nodiscard]] std::vector<ConformanceResult> run_conformance(const Backend& subject, const Backend& reference,
                                                             DeviceMemory& subject_memory,
                                                             ConformanceDepth depth = ConformanceDepth::full,
                                                             const std::function<void()>& after_case = {});

} // namespace graticule
