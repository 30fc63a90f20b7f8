// How far two back ends may differ, each check returning an empty text or what differs and by how much.
#pragma once

#include <string>
#include <vector>

#include "kernels/api/backend.h"

namespace graticule::conformance {

/// Codes, scales and values: the same bits, except that any NaN equals any NaN.
[[nodiscard]] std::string compare_bits(const std::vector<float>& got, const std::vector<float>& expected,
                                       const char* what);
[[nodiscard]] std::string compare_bits(const std::vector<std::uint8_t>& got, const std::vector<std::uint8_t>& expected,
                                       const char* what);

/// Counts exactly. Sums to 1e-6 of themselves (float32 squares in short runs are allowed) and 1e-12 of the sum of x^2.
[[nodiscard]] std::string compare_counts(const QuantizeCounts& got, const QuantizeCounts& expected);

/// Exactly.
[[nodiscard]] std::string compare_steps(const StepCounts& got, const StepCounts& expected);

/// The accumulators of one site, owned.
struct Statistics {
    Statistics(std::int64_t segments, std::int64_t columns);
    std::int64_t segments, columns;
    std::vector<double> memory; ///< laid out as SiteAccumulators
    std::string damage;         ///< of a guard zone
    [[nodiscard]] SiteAccumulators view() const;
};

/// Extremes (but for the sign of zero) and histograms exactly; the k-th moment to 1e-5 of itself and 1e-8 n range^k,
/// which a sum of float32 powers about a value inside the range keeps, and 1e-12 n absmax^k for columns that are
/// constant up to rounding.
[[nodiscard]] std::string compare_statistics(const Statistics& got, const Statistics& expected, std::int64_t samples,
                                             SegmentEnds ends);

} // namespace graticule::conformance
