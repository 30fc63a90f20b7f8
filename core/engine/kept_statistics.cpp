#include "core/engine/kept_statistics.h"

#include <algorithm>
#include <utility>

#include "core/stats/site_statistics.h"

namespace graticule {

namespace {

constexpr std::uint64_t most_bytes = std::uint64_t{4} << 30; // rows kept for what-ifs are up to one of it a calibration

/// All that they depend on but the model's hash, which would have to be waited for: it is compared with what is there.
std::string key_of(const Model& model, const ActivationStats& stats) {
    const CalibrationSpec& spec = stats.spec;
    const Provenance& from = stats.provenance;
    std::string key = model.parts().path.string();
    for (const std::string& part :
         {spec.text, std::to_string(spec.samples), std::to_string(spec.length),
          std::to_string(static_cast<int>(spec.pick)), std::to_string(spec.seed), from.data_hash, from.device,
          from.execution, std::to_string(kept_rows_per_site), std::to_string(kept_rows_bytes), build_stamp()})
        key += "\n" + part;
    for (const auto& [name, version] : from.versions) key += "\n" + name + " " + version;
    return key;
}

bool has_size(std::size_t size, const auto&... vectors) { return ((vectors.size() == size) && ...); }

bool fits(const BucketStats& bucket, std::int64_t length, std::size_t channels) {
    const ChannelStats& all = bucket.channels;
    return bucket.length == length && all.tokens >= 0 &&
           has_size(channels, all.minimum, all.maximum, all.mean, all.m2, all.m3, all.m4) &&
           has_size(histogram_bins, bucket.histogram.negative, bucket.histogram.positive);
}

bool fits(const SiteStats& stats, const InputSite& site, const StatisticsPlan& plan) {
    const HostTensor& rows = stats.kept_rows;
    const bool number = rows.dtype == DType::f32 || rows.dtype == DType::f16 || rows.dtype == DType::bf16;
    if (stats.site != site.id || stats.buckets.size() != plan.ends.size() || !number || rows.shape.size() != 2)
        return false;
    const std::int64_t kept = rows.shape[0];
    if (kept < 0 || kept > std::ssize(plan.kept_tokens) || rows.shape[1] != site.channels ||
        std::ssize(rows.bytes) != kept * site.channels * row_of(rows.dtype).block_bytes ||
        !has_size(static_cast<std::size_t>(kept), stats.kept_tokens, stats.token_absmax))
        return false;
    for (std::size_t i = 0; i < plan.ends.size(); ++i)
        if (!fits(stats.buckets[i], plan.ends[i], static_cast<std::size_t>(site.channels))) return false;
    return std::ranges::all_of(stats.kept_tokens,
                               [&](std::int64_t token) { return token >= 0 && token < plan.samples * plan.length; });
}

bool fits(const ActivationStats& stats, const Model& model) {
    const StatisticsPlan plan = statistics_plan(model, stats.spec.samples, stats.spec.length);
    const auto& sites = model.input_sites();
    if (stats.sites.size() != sites.size()) return false;
    for (std::size_t i = 0; i < sites.size(); ++i)
        if (!fits(stats.sites[i], sites[i], plan)) return false;
    return true;
}

} // namespace

RecordFolder kept_statistics(const std::filesystem::path& folder) { return {folder, "statistics 1", most_bytes}; }

bool has_statistics(const RecordFolder& kept, const Model& model, const ActivationStats& asked) {
    return kept.has(key_of(model, asked));
}

bool keep_statistics(const RecordFolder& kept, const Model& model, const ActivationStats& stats) {
    return kept.keep(key_of(model, stats), [&](RecordWriter& write) { write(stats); });
}

std::shared_ptr<const ActivationStats> find_statistics(const RecordFolder& kept, const Model& model,
                                                       const ActivationStats& asked, JobContext& ctx) {
    const std::string key = key_of(model, asked);
    if (!kept.has(key)) return nullptr;
    const std::string hash = model.hash(ctx);
    auto stats = std::make_shared<ActivationStats>();
    const auto read = [&](RecordReader& from) {
        from(*stats);
        if (stats->spec != asked.spec || stats->samples != asked.samples || !fits(*stats, model)) from.fail();
    };
    if (!kept.find(key, read, ctx.log) || stats->provenance.model_hash != hash) return nullptr;
    return stats;
}

} // namespace graticule
