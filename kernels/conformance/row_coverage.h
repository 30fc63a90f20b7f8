// Whether every row of a table had its cases. Rows refuse what a machine cannot run, so a row that answers wrongly would
// leave the conformance cases without a failure; what must be there is judged by what the processor and the driver say.
//
//     for (const RowCoverage& row : row_coverage(cpu_gemms(), run_gemm_conformance(cpu_gemms(), host_memory())))
//         if (row.failed() || !row.lacks.empty()) std::cerr << row.text() << '\n';
#pragma once

#include <string>
#include <vector>

#include "kernels/api/gemm.h"
#include "kernels/conformance/conformance.h"

namespace graticule {

struct RowCoverage {
    std::string row;
    int cases = 0;
    std::vector<std::string> missing; ///< kinds of weights of which it had no case, and takes by its description
    std::string lacks;                ///< what it needs and is not here; empty: it must have cases

    [[nodiscard]] bool failed() const { return !missing.empty() && lacks.empty(); }
    [[nodiscard]] std::string text() const; ///< "integer wgmma sm_90a: NOTHING WAS COMPARED, it needs ..."
};

/// Of every row of `subject`, weight-only ones too, in the `results` of its conformance cases (of any depth).
[[nodiscard]] std::vector<RowCoverage> row_coverage(const GemmTable& subject,
                                                    const std::vector<ConformanceResult>& results);

/// Compute capability of the first card, major * 10 + minor, as the driver says; 0: there is none.
[[nodiscard]] int driver_capability();

} // namespace graticule
