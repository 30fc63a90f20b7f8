// Mergeable histogram of signed values in log-spaced magnitude bins (eight an octave from 2^-40 to 2^40, exact zeros
// apart), so that one outlier costs one bin and never the picture. Rebinned for display, percentiles interpolated
// inside a bin.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/api/backend.h"

namespace graticule {

struct Histogram {
    std::vector<std::int64_t> negative = std::vector<std::int64_t>(histogram_bins);
    std::vector<std::int64_t> positive = std::vector<std::int64_t>(histogram_bins); ///< and zero, in bin 0

    [[nodiscard]] std::int64_t count() const;
    void merge(const Histogram& other);
    /// Lower edge of magnitude bin `bin` (bin 0: 0).
    [[nodiscard]] static double lower_edge(int bin);
    /// |x| below which `percent` of all values lie.
    [[nodiscard]] double magnitude_percentile(double percent) const;
    /// x below which `percent` of all values lie.
    [[nodiscard]] double percentile(double percent) const;
    /// Share of values with |x| < magnitude.
    [[nodiscard]] double share_below(double magnitude) const;
    /// Counts between neighbouring `edges`, which ascend; values outside are left out.
    [[nodiscard]] std::vector<double> counts_between(const std::vector<double>& edges) const;
    /// Counts in `bins` equal bins over [low, high]; values outside are left out.
    [[nodiscard]] std::vector<double> rebin(double low, double high, int bins) const;
    bool operator==(const Histogram&) const = default;
};

} // namespace graticule
