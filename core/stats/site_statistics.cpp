#include "core/stats/site_statistics.h"

#include <algorithm>
#include <utility>

namespace graticule {

namespace {

ChannelStats channels_of(const SiteAccumulators& seen, std::int64_t segment, std::int64_t channels,
                         std::int64_t tokens) {
    const auto array = [&](const auto* values) {
        return std::vector(values + segment * channels, values + (segment + 1) * channels);
    };
    return {tokens,         array(seen.minimum), array(seen.maximum), array(seen.mean),
            array(seen.m2), array(seen.m3),      array(seen.m4)};
}

ChannelStats no_channels(std::int64_t channels) {
    const auto size = static_cast<std::size_t>(channels);
    ChannelStats none;
    for (auto* extreme : {&none.minimum, &none.maximum}) extreme->resize(size);
    for (auto* moment : {&none.mean, &none.m2, &none.m3, &none.m4}) moment->resize(size);
    return none;
}

Histogram histogram_of(const SiteAccumulators& seen, std::int64_t segment) {
    const std::int64_t* counts = seen.histogram + segment * 2 * histogram_bins;
    Histogram histogram;
    histogram.positive.assign(counts, counts + histogram_bins);
    histogram.negative.assign(counts + histogram_bins, counts + 2 * histogram_bins);
    return histogram;
}

} // namespace

std::vector<std::int64_t> bucket_lengths(std::int64_t length) {
    std::vector<std::int64_t> lengths;
    for (std::int64_t bucket = 64; bucket < length; bucket *= 2) lengths.push_back(bucket);
    lengths.push_back(length);
    return lengths;
}

StatisticsPlan statistics_plan(const Model& model, std::int64_t samples, std::int64_t length) {
    StatisticsPlan plan{samples, length, bucket_lengths(length), {}};
    std::int64_t row_bytes = 0;
    for (const InputSite& site : model.input_sites())
        row_bytes += site.channels * static_cast<std::int64_t>(sizeof(float));
    const std::int64_t all = samples * length;
    const std::int64_t kept =
        std::min({kept_rows_per_site, all, std::max<std::int64_t>(16, kept_rows_bytes / row_bytes)});
    for (std::int64_t k = 0; k < kept; ++k) plan.kept_tokens.push_back(k * all / kept);
    return plan;
}

SiteStats site_statistics(SiteId site, const StatisticsPlan& plan, std::int64_t channels,
                          std::span<const std::int64_t> rows, const SiteAccumulators& seen, KeptRows kept) {
    SiteStats stats;
    stats.site = site;
    ChannelStats together = no_channels(channels);
    Histogram histogram;
    for (std::size_t i = 0; i < plan.ends.size(); ++i) { // each bucket is everything before its end
        const auto segment = static_cast<std::int64_t>(i);
        if (rows[i] > 0) {
            together.merge(channels_of(seen, segment, channels, rows[i]));
            histogram.merge(histogram_of(seen, segment));
        }
        stats.buckets.push_back({plan.ends[i], together, histogram});
    }
    stats.kept_rows = std::move(kept.rows);
    stats.kept_tokens = std::move(kept.tokens);
    stats.token_absmax = std::move(kept.absmax);
    return stats;
}

SiteStats no_statistics(SiteId site, const StatisticsPlan& plan, std::int64_t channels) {
    SiteStats stats;
    stats.site = site;
    stats.kept_rows.shape = {0, channels};
    for (const std::int64_t end : plan.ends) stats.buckets.push_back({end, no_channels(channels), {}});
    return stats;
}

} // namespace graticule
