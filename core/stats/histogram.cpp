#include "core/stats/histogram.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace graticule {

namespace {

/// Upper edge of a magnitude bin; the last has none, so one more octave step stands in for it.
double upper_edge(int bin) { return Histogram::lower_edge(bin + 1); }

/// Share of the bin's magnitudes that lie below `magnitude`, taking them as evenly spread.
double share_of_bin_below(int bin, double magnitude) {
    const double low = Histogram::lower_edge(bin);
    const double high = upper_edge(bin);
    if (bin == 0) return magnitude > 0 ? 1 : 0; // zeros, and what nobody can tell from zero
    return std::clamp((magnitude - low) / (high - low), 0.0, 1.0);
}

} // namespace

double Histogram::lower_edge(int bin) {
    if (bin <= 0) return 0;
    return std::exp2(histogram_first_exponent + static_cast<double>(bin - 1) / histogram_bins_per_octave);
}

std::int64_t Histogram::count() const {
    return std::accumulate(negative.begin(), negative.end(), std::int64_t{0}) +
           std::accumulate(positive.begin(), positive.end(), std::int64_t{0});
}

void Histogram::merge(const Histogram& other) {
    std::ranges::transform(negative, other.negative, negative.begin(), std::plus());
    std::ranges::transform(positive, other.positive, positive.begin(), std::plus());
}

double Histogram::share_below(double magnitude) const {
    const std::int64_t total = count();
    if (total == 0 || magnitude <= 0) return 0;
    double below = 0;
    for (int bin = 0; bin < histogram_bins && lower_edge(bin) < magnitude; ++bin) {
        const auto index = static_cast<std::size_t>(bin);
        below += static_cast<double>(negative[index] + positive[index]) * share_of_bin_below(bin, magnitude);
    }
    return below / static_cast<double>(total);
}

double Histogram::magnitude_percentile(double percent) const {
    const std::int64_t total = count();
    if (total == 0) return 0;
    double left = std::clamp(percent, 0.0, 100.0) / 100 * static_cast<double>(total);
    double last = 0;
    for (int bin = 0; bin < histogram_bins; ++bin) {
        const auto index = static_cast<std::size_t>(bin);
        const auto here = static_cast<double>(negative[index] + positive[index]);
        if (here == 0) continue;
        last = bin == 0 ? 0 : upper_edge(bin);
        if (left <= here) return bin == 0 ? 0 : lower_edge(bin) + (upper_edge(bin) - lower_edge(bin)) * left / here;
        left -= here;
    }
    return last;
}

double Histogram::percentile(double percent) const {
    const std::int64_t total = count();
    if (total == 0) return 0;
    double left = std::clamp(percent, 0.0, 100.0) / 100 * static_cast<double>(total);
    double last = 0;
    for (int bin = histogram_bins - 1; bin >= 0; --bin) { // most negative first
        const auto here = static_cast<double>(negative[static_cast<std::size_t>(bin)]);
        if (here == 0) continue;
        last = -lower_edge(bin);
        if (left <= here) return -upper_edge(bin) + (upper_edge(bin) - lower_edge(bin)) * left / here;
        left -= here;
    }
    for (int bin = 0; bin < histogram_bins; ++bin) {
        const auto here = static_cast<double>(positive[static_cast<std::size_t>(bin)]);
        if (here == 0) continue;
        last = bin == 0 ? 0 : upper_edge(bin);
        if (left <= here) return bin == 0 ? 0 : lower_edge(bin) + (upper_edge(bin) - lower_edge(bin)) * left / here;
        left -= here;
    }
    return last;
}

std::vector<double> Histogram::counts_between(const std::vector<double>& edges) const {
    std::vector<double> counts(edges.empty() ? 0 : edges.size() - 1);
    if (counts.empty() || !(edges.back() > edges.front())) return counts;
    const auto bin_of = [&](double value) { // that begins at or below the value
        const auto above = std::upper_bound(edges.begin(), edges.end(), value);
        return static_cast<std::size_t>(std::max<std::ptrdiff_t>(0, above - edges.begin() - 1));
    };
    // Spreads one source bin [from, to) evenly over the target bins that it overlaps.
    const auto spread = [&](double from, double to, double amount) {
        const double first = std::max(from, edges.front());
        const double last = std::min(to, edges.back());
        if (last <= first) return;
        for (std::size_t bin = bin_of(first); bin < counts.size(); ++bin) {
            const double overlap = std::min(last, edges[bin + 1]) - std::max(first, edges[bin]);
            if (overlap <= 0) break;
            counts[bin] += amount * overlap / (to - from);
        }
    };
    const double zeros = static_cast<double>(positive[0] + negative[0]);
    if (zeros > 0 && edges.front() <= 0 && edges.back() > 0) counts[std::min(counts.size() - 1, bin_of(0))] += zeros;
    for (int bin = 1; bin < histogram_bins; ++bin) {
        const auto index = static_cast<std::size_t>(bin);
        if (positive[index] > 0) spread(lower_edge(bin), upper_edge(bin), static_cast<double>(positive[index]));
        if (negative[index] > 0) spread(-upper_edge(bin), -lower_edge(bin), static_cast<double>(negative[index]));
    }
    return counts;
}

std::vector<double> Histogram::rebin(double low, double high, int bins) const {
    std::vector<double> edges;
    for (int bin = 0; bin <= bins; ++bin) edges.push_back(low + (high - low) * bin / bins);
    if (bins <= 0 || !(high > low)) return std::vector<double>(static_cast<std::size_t>(std::max(bins, 0)));
    return counts_between(edges);
}

} // namespace graticule
