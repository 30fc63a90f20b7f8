// What calibration saw at every input site: per channel and per sequence-length bucket, in one pass over each
// activation. Immutable snapshots; core/stats/site_statistics.h makes them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/ids.h"
#include "core/base/provenance.h"
#include "core/recipe/recipe.h"
#include "core/stats/histogram.h"
#include "core/tensor/host_tensor.h"

namespace graticule {

/// Per-channel statistics over all tokens seen; every vector has one entry per channel.
struct ChannelStats {
    std::int64_t tokens = 0;
    std::vector<float> minimum, maximum;
    std::vector<double> mean, m2, m3, m4; ///< central moments' sums: variance = m2 / tokens

    [[nodiscard]] std::size_t channels() const { return minimum.size(); }
    [[nodiscard]] float absmax(std::size_t channel) const;
    [[nodiscard]] double variance(std::size_t channel) const;
    [[nodiscard]] double kurtosis(std::size_t channel) const; ///< m4 n / m2^2; a normal distribution has 3; constant: 0
    [[nodiscard]] std::vector<float> absmax_per_channel() const;
    [[nodiscard]] bool dead(std::size_t channel) const { return minimum[channel] == 0 && maximum[channel] == 0; }
    void merge(const ChannelStats& other); ///< exact pairwise merge of moments
};

/// The stated rule: a channel is an outlier when its absolute maximum exceeds `outlier_factor` times the median over
/// the live channels.
inline constexpr double outlier_factor = 6.0;
struct OutlierReport {
    double median_absmax = 0;
    double threshold = 0;               ///< outlier_factor x median
    std::vector<std::int64_t> channels; ///< indices above the threshold, largest first
    double max_absmax = 0;
    double ratio = 0; ///< largest absmax / median
    double max_without_outliers = 0;
};
[[nodiscard]] OutlierReport find_outliers(const ChannelStats& stats, double factor = outlier_factor);

struct BucketStats { ///< everything seen by sequences of `length` tokens: positions [0, length) of every sample
    std::int64_t length = 0;
    ChannelStats channels;
    Histogram histogram; ///< of all values of the site
};

struct SiteStats {
    SiteId site{};
    std::vector<BucketStats> buckets; ///< ascending lengths 64, 128, ... ; the last is the sample length = everything
    /// Input rows kept for what-if (rows, channels), in the type the pass computed in (two bytes a value on a card): an
    /// even stride over all tokens, and which token each was.
    HostTensor kept_rows;
    std::vector<std::int64_t> kept_tokens;
    std::vector<float> token_absmax; ///< of the kept rows

    [[nodiscard]] const BucketStats& all() const { return buckets.back(); }
};

struct ActivationStats {
    CalibrationSpec spec;
    std::vector<SiteStats> sites;                   ///< index = SiteId
    std::vector<std::vector<std::int32_t>> samples; ///< the token ids that were run
    double seconds = 0;                             ///< whole pass
    double seconds_observing = 0;                   ///< of it spent on statistics: the measured overhead
    Provenance provenance;
};

/// Underflow: the share of the values other than zero with |x| < threshold, exact up to the histogram's resolution
/// (interpolated inside one bin).
[[nodiscard]] double underflow_share(const Histogram& histogram, double threshold);

} // namespace graticule
