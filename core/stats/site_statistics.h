// From what a pass over the samples gathered at a site (kernels/api/statistics.h) to the statistics that everybody
// reads.
//
//     const StatisticsPlan plan = statistics_plan(model, samples, length);
//     SiteStats stats = site_statistics(site, plan, channels, rows, accumulators, std::move(kept));
#pragma once

#include <cstdint>
#include <vector>

#include "core/model/model.h"
#include "core/stats/activation_stats.h"
#include "kernels/api/statistics.h"

namespace graticule {

/// Rows kept a site for what-if, and the memory all sites' rows may take together.
inline constexpr std::int64_t kept_rows_per_site = 512;
inline constexpr std::int64_t kept_rows_bytes = std::int64_t{1} << 30;

/// Bucket lengths of samples of this many tokens: 64, 128, 256 ... and the length itself.
[[nodiscard]] std::vector<std::int64_t> bucket_lengths(std::int64_t length);

struct StatisticsPlan {
    std::int64_t samples = 0, length = 0;
    std::vector<std::int64_t> ends;        ///< of the segments: bucket_lengths(length)
    std::vector<std::int64_t> kept_tokens; ///< of the stream of all samples: row k is token floor(k * all / kept)
};
[[nodiscard]] StatisticsPlan statistics_plan(const Model& model, std::int64_t samples, std::int64_t length);

/// Input rows kept for what-if, as SiteStats has them.
struct KeptRows {
    HostTensor rows; ///< (kept, channels), in the type of the pass
    std::vector<std::int64_t> tokens;
    std::vector<float> absmax;
};
/// `seen`: what all samples left, in host memory; `rows`: of each segment (where 0, what lies there is not read).
[[nodiscard]] SiteStats site_statistics(SiteId site, const StatisticsPlan& plan, std::int64_t channels,
                                        std::span<const std::int64_t> rows, const SiteAccumulators& seen,
                                        KeptRows kept);
/// Of a site that no sample has reached: every bucket with zero tokens.
[[nodiscard]] SiteStats no_statistics(SiteId site, const StatisticsPlan& plan, std::int64_t channels);

} // namespace graticule
