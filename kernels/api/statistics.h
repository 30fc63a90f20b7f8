// Statistics of the inputs of one site, gathered over the calls of a calibration: what one call reads, and where the
// sums lie between the calls. See Backend::accumulate_statistics.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/api/value_type.h"

namespace graticule {

/// A batch of samples as a site reads them: samples x length rows of `columns` values, one sample after the other.
struct ActivationBatch {
    const void* values = nullptr; ///< the back end's memory, of `type` (f32, bf16 or f16)
    ValueType type = ValueType::f32;
    std::int64_t samples = 0, length = 0, columns = 0;
    std::int64_t row_stride = 0; ///< elements from one row to the next, at least `columns`
};

/// Positions of a sample are cut into segments: segment i holds [ends[i - 1], ends[i]) of every sample, the first from
/// 0, the last to the sample's length. What a bucket of the first L positions saw is the segments up to L together.
inline constexpr std::size_t most_statistics_segments = 32;
using SegmentEnds = std::span<const std::int64_t>; // host memory

/// Magnitude histogram: bin 0 counts exact zeros and everything below 2^-40; bin 1 + i counts |x| in
/// [2^(-40 + i/8), 2^(-40 + (i+1)/8)), eight bins an octave; the last bin counts everything from 2^40 on. Negative and
/// non-negative values are counted apart, NaN nowhere. One outlier costs one bin, not the picture.
inline constexpr int histogram_bins_per_octave = 8;
inline constexpr int histogram_octaves = 80;
inline constexpr int histogram_first_exponent = -40;
inline constexpr int histogram_bins = 2 + histogram_bins_per_octave * histogram_octaves;

/// The accumulators of one site in one piece of memory, aligned to 8 bytes: its arrays one after the other, each with
/// the segments in order. The same layout in a back end's memory and in a copy of it on the host. A column that holds a
/// value that is not finite has NaN in all six of its entries.
struct SiteAccumulators {
    double* mean = nullptr; ///< (segments, columns), like the next three
    double* m2 = nullptr;   ///< sum of (x - mean)^2
    double* m3 = nullptr;
    double* m4 = nullptr;
    std::int64_t* histogram = nullptr; ///< (segments, 2, histogram_bins): non-negative values, then negative ones
    float* minimum = nullptr;          ///< (segments, columns), like the next
    float* maximum = nullptr;

    SiteAccumulators(void* memory, std::int64_t segments, std::int64_t columns)
        : mean(static_cast<double*>(memory))
        , m2(mean + segments * columns)
        , m3(m2 + segments * columns)
        , m4(m3 + segments * columns)
        , histogram(reinterpret_cast<std::int64_t*>(m4 + segments * columns))
        , minimum(reinterpret_cast<float*>(histogram + segments * 2 * histogram_bins))
        , maximum(minimum + segments * columns) {}

    /// Those of one segment alone.
    [[nodiscard]] SiteAccumulators segment(std::int64_t index, std::int64_t columns) const {
        SiteAccumulators one = *this;
        for (double** moment : {&one.mean, &one.m2, &one.m3, &one.m4}) *moment += index * columns;
        one.histogram += index * 2 * histogram_bins;
        one.minimum += index * columns;
        one.maximum += index * columns;
        return one;
    }
    [[nodiscard]] static std::size_t bytes(std::int64_t segments, std::int64_t columns) {
        return static_cast<std::size_t>(segments) *
               (static_cast<std::size_t>(columns) * (4 * sizeof(double) + 2 * sizeof(float)) +
                2 * histogram_bins * sizeof(std::int64_t));
    }
};

} // namespace graticule
