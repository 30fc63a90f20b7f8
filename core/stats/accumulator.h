// Gathers what calibration sees, one site at a time, and freezes it into immutable snapshots.
//
//     StatsAccumulator accumulator(model, samples, length);
//     accumulator.add(site, sample, values, kernels, stream, copy_rows);      // (tokens, channels) of one sample
//     std::shared_ptr<const ActivationStats> snapshot = accumulator.freeze();
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "core/model/model.h"
#include "core/stats/activation_stats.h"
#include "kernels/api/backend.h"

namespace graticule {

/// Rows kept a site for what-if, and the memory all sites' rows may take together.
inline constexpr std::int64_t kept_rows_per_site = 512;
inline constexpr std::int64_t kept_rows_bytes = std::int64_t{1} << 30;

/// Bucket lengths of samples of this many tokens: 64, 128, 256 ... and the length itself.
[[nodiscard]] std::vector<std::int64_t> bucket_lengths(std::int64_t length);

class StatsAccumulator {
public:
    StatsAccumulator(const Model& model, std::int64_t samples, std::int64_t length);

    /// Every site gets every sample once, in order. `copy_rows` brings rows (token indices of this sample) to the host.
    void add(SiteId site, std::int64_t sample, MatrixView<const float> values, const Backend& kernels, Stream stream,
             const std::function<void(std::span<const std::int64_t> rows, float* out)>& copy_rows);

    /// Everything so far; sites not reached yet have zero tokens. Only sites and their buckets are filled in.
    [[nodiscard]] std::shared_ptr<ActivationStats> freeze() const;

private:
    struct Segment { // tokens [begin, end) of every sample
        std::int64_t begin = 0, end = 0;
        ChannelStats channels;
        Histogram histogram;
    };
    struct Site {
        std::int64_t channels = 0;
        std::vector<Segment> segments;
        std::shared_ptr<std::vector<float>> rows; // kept rows, filled from the front
        std::int64_t rows_filled = 0;
        std::vector<std::int64_t> tokens;
        std::vector<float> token_absmax;
    };
    static void add_segment(Segment& segment, MatrixView<const float> values, const Backend& kernels, Stream stream);
    void keep_rows(Site& site, std::int64_t sample, std::int64_t tokens,
                   const std::function<void(std::span<const std::int64_t>, float*)>& copy_rows);
    [[nodiscard]] SiteStats freeze(SiteId id, const Site& site) const;

    std::int64_t samples_, length_;
    std::int64_t kept_; ///< rows a site in all
    std::vector<Site> sites_;
};

} // namespace graticule
