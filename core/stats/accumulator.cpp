#include "core/stats/accumulator.h"

#include <algorithm>
#include <cmath>
#include <future>
#include <utility>

#include "core/base/error.h"

namespace graticule {

namespace {

ChannelStats empty_channels(std::int64_t channels) {
    const auto size = static_cast<std::size_t>(channels);
    ChannelStats stats;
    stats.minimum.resize(size);
    stats.maximum.resize(size);
    for (auto* moment : {&stats.mean, &stats.m2, &stats.m3, &stats.m4}) moment->resize(size);
    return stats;
}

} // namespace

std::vector<std::int64_t> bucket_lengths(std::int64_t length) {
    std::vector<std::int64_t> lengths;
    for (std::int64_t bucket = 64; bucket < length; bucket *= 2) lengths.push_back(bucket);
    lengths.push_back(length);
    return lengths;
}

StatsAccumulator::StatsAccumulator(const Model& model, std::int64_t samples, std::int64_t length)
    : samples_(samples)
    , length_(length) {
    std::int64_t row_bytes = 0;
    for (const InputSite& site : model.input_sites())
        row_bytes += site.channels * static_cast<std::int64_t>(sizeof(float));
    kept_ = std::min({kept_rows_per_site, samples * length, std::max<std::int64_t>(16, kept_rows_bytes / row_bytes)});
    for (const InputSite& site : model.input_sites()) {
        Site entry;
        entry.channels = site.channels;
        std::int64_t begin = 0;
        for (const std::int64_t end : bucket_lengths(length)) {
            entry.segments.push_back({begin, end, empty_channels(site.channels), {}});
            begin = end;
        }
        sites_.push_back(std::move(entry));
    }
}

void StatsAccumulator::add(SiteId id, std::int64_t sample, MatrixView<const float> values, const Backend& kernels,
                           Stream stream, const std::function<void(std::span<const std::int64_t>, float*)>& copy_rows) {
    Site& site = sites_.at(index_of(id));
    GRATICULE_ASSERT(values.columns == site.channels && values.rows == length_, "a sample of the announced shape");
    const auto watch = [&](std::size_t first, std::size_t last) {
        for (std::size_t i = first; i < last; ++i) add_segment(site.segments[i], values, kernels, stream);
    };
    // The last segment is as long as all before it, so two host threads have the same to do; a card has one queue.
    const std::size_t last = site.segments.size() - 1;
    if (kernels.name() == "cpu" && last > 0) {
        std::future<void> rest = std::async(std::launch::async, watch, 0, last);
        watch(last, last + 1);
        rest.get();
    } else {
        watch(0, last + 1);
    }
    keep_rows(site, sample, values.rows, copy_rows);
}

void StatsAccumulator::add_segment(Segment& segment, MatrixView<const float> values, const Backend& kernels,
                                   Stream stream) {
    ChannelStats seen = empty_channels(values.columns);
    seen.tokens = segment.end - segment.begin;
    const MatrixView<const float> rows(values.data + segment.begin * values.row_stride, seen.tokens, values.columns,
                                       values.row_stride);
    const ColumnStatistics out{seen.minimum.data(), seen.maximum.data(), seen.mean.data(),
                               seen.m2.data(),      seen.m3.data(),      seen.m4.data()};
    kernels.column_statistics(rows, out, segment.histogram.negative.data(), segment.histogram.positive.data(), stream);
    segment.channels.merge(seen);
}

void StatsAccumulator::keep_rows(Site& site, std::int64_t sample, std::int64_t tokens,
                                 const std::function<void(std::span<const std::int64_t>, float*)>& copy_rows) {
    if (!site.rows) site.rows = std::make_shared<std::vector<float>>(static_cast<std::size_t>(kept_ * site.channels));
    // Row k of the kept ones is token floor(k * all / kept) of the whole stream.
    const std::int64_t all = samples_ * length_;
    const std::int64_t begin = sample * length_;
    std::vector<std::int64_t> wanted;
    for (std::int64_t k = site.rows_filled; k < kept_ && k * all / kept_ < begin + tokens; ++k) {
        site.tokens.push_back(k * all / kept_);
        wanted.push_back(site.tokens.back() - begin);
    }
    if (wanted.empty()) return;
    float* out = site.rows->data() + site.rows_filled * site.channels;
    copy_rows(wanted, out);
    for (std::size_t row = 0; row < wanted.size(); ++row, out += site.channels) {
        float absmax = 0;
        for (std::int64_t c = 0; c < site.channels; ++c) absmax = std::max(absmax, std::abs(out[c]));
        site.token_absmax.push_back(absmax);
    }
    site.rows_filled += static_cast<std::int64_t>(wanted.size());
}

SiteStats StatsAccumulator::freeze(SiteId id, const Site& site) const {
    SiteStats stats;
    stats.site = id;
    ChannelStats channels = empty_channels(site.channels);
    Histogram histogram;
    for (const Segment& segment : site.segments) { // each bucket is everything before its end
        channels.merge(segment.channels);
        histogram.merge(segment.histogram);
        stats.buckets.push_back({segment.end, channels, histogram});
    }
    stats.kept_rows.shape = {site.rows_filled, site.channels};
    if (site.rows) { // rows are written once and the vector never grows, so a snapshot may share it
        const auto values = static_cast<std::size_t>(site.rows_filled * site.channels);
        stats.kept_rows.owner = site.rows;
        stats.kept_rows.bytes = std::as_bytes(std::span(site.rows->data(), values));
    }
    stats.kept_tokens = site.tokens;
    stats.token_absmax = site.token_absmax;
    return stats;
}

std::shared_ptr<ActivationStats> StatsAccumulator::freeze() const {
    auto stats = std::make_shared<ActivationStats>();
    for (std::size_t i = 0; i < sites_.size(); ++i) stats->sites.push_back(freeze(static_cast<SiteId>(i), sites_[i]));
    return stats;
}

} // namespace graticule
