#include "core/stats/activation_stats.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "kernels/api/moments.h"

namespace graticule {

namespace {

/// A channel with a value that is not finite has NaN for all its statistics, and keeps them whatever joins it.
float lower(float a, float b) { return b < a || std::isnan(b) ? b : a; }
float higher(float a, float b) { return b > a || std::isnan(b) ? b : a; }

} // namespace

float ChannelStats::absmax(std::size_t channel) const {
    return std::max(std::abs(minimum[channel]), std::abs(maximum[channel]));
}

double ChannelStats::variance(std::size_t channel) const {
    return tokens > 0 ? m2[channel] / static_cast<double>(tokens) : 0;
}

double ChannelStats::kurtosis(std::size_t channel) const {
    const double square = m2[channel] * m2[channel];
    return square > 0 ? m4[channel] * static_cast<double>(tokens) / square : 0;
}

std::vector<float> ChannelStats::absmax_per_channel() const {
    std::vector<float> all(channels());
    for (std::size_t channel = 0; channel < all.size(); ++channel) all[channel] = absmax(channel);
    return all;
}

void ChannelStats::merge(const ChannelStats& other) {
    if (other.tokens == 0) return;
    if (tokens == 0) {
        *this = other;
        return;
    }
    GRATICULE_ASSERT(channels() == other.channels(), "statistics of the same channels");
    const auto a = static_cast<double>(tokens);
    const auto b = static_cast<double>(other.tokens);
    for (std::size_t c = 0; c < channels(); ++c) {
        minimum[c] = lower(minimum[c], other.minimum[c]);
        maximum[c] = higher(maximum[c], other.maximum[c]);
        const Moments joined =
            join_moments({mean[c], m2[c], m3[c], m4[c]}, a, {other.mean[c], other.m2[c], other.m3[c], other.m4[c]}, b);
        mean[c] = joined.mean;
        m2[c] = joined.m2;
        m3[c] = joined.m3;
        m4[c] = joined.m4;
    }
    tokens += other.tokens;
}

OutlierReport find_outliers(const ChannelStats& stats, double factor) {
    OutlierReport report;
    std::vector<float> absmax = stats.absmax_per_channel();
    if (absmax.empty()) return report;
    for (float& value : absmax)
        if (std::isnan(value)) value = std::numeric_limits<float>::infinity(); // not finite: the worst outlier there is
    std::vector<float> sorted = absmax;
    std::erase(sorted, 0.0F); // channels that never fire say nothing about those that do
    if (sorted.empty()) return report;
    const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
    std::ranges::nth_element(sorted, middle);
    report.median_absmax = *middle;
    if (sorted.size() % 2 == 0) report.median_absmax = (*middle + *std::max_element(sorted.begin(), middle)) / 2.0;
    report.threshold = factor * report.median_absmax;
    for (std::size_t c = 0; c < absmax.size(); ++c) {
        report.max_absmax = std::max<double>(report.max_absmax, absmax[c]);
        if (absmax[c] > report.threshold || std::isinf(absmax[c]))
            report.channels.push_back(static_cast<std::int64_t>(c));
        else
            report.max_without_outliers = std::max<double>(report.max_without_outliers, absmax[c]);
    }
    const auto at = [&](std::int64_t channel) { return absmax[static_cast<std::size_t>(channel)]; };
    std::ranges::stable_sort(report.channels, [&](std::int64_t x, std::int64_t y) { return at(x) > at(y); });
    report.ratio = report.median_absmax > 0 ? report.max_absmax / report.median_absmax : 0;
    return report;
}

double underflow_share(const Histogram& histogram, double threshold) {
    const auto total = static_cast<double>(histogram.count());
    const auto zeros = static_cast<double>(histogram.positive[0] + histogram.negative[0]); // they lose nothing
    if (total <= zeros) return 0;
    return std::max(0.0, histogram.share_below(threshold) * total - zeros) / (total - zeros);
}

} // namespace graticule
