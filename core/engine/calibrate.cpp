// Forward passes over the calibration samples with every site's input watched: one read of each activation, on the
// device.
#include <chrono>

#include "core/base/hold.h"
#include "core/engine/engine.h"
#include "core/engine/kept_statistics.h"
#include "core/engine/resources.h"
#include "core/engine/run_provenance.h"
#include "core/runtime/model_runner.h"
#include "core/runtime/settle_execution.h"
#include "core/stats/site_statistics.h"

namespace graticule {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// Snapshots at most ten a second, and never more than a twentieth of the time spent on them.
class SnapshotThrottle {
public:
    [[nodiscard]] bool due() const { return Clock::now() >= next_; }
    void took(double seconds) {
        const double pause = std::max(0.1, 20 * seconds);
        next_ = Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(pause));
    }

private:
    Clock::time_point next_ = Clock::now();
};

/// Sums over fewer tokens than columns say little of what other texts send to an expert.
void tell_experts_that_saw_few(const Model& model, const ActivationStats& stats, JobContext& ctx) {
    std::size_t experts = 0, few = 0;
    std::int64_t fewest = 0;
    const Linear* of_fewest = nullptr;
    for (const Block& block : model.blocks())
        for (std::size_t expert = 0; block.router && expert < block.mlps.size(); ++expert) {
            const Linear& linear = model.linear(block.mlps[expert].up);
            const std::int64_t tokens = stats.sites.at(index_of(linear.site)).all().channels.tokens;
            ++experts;
            if (tokens >= linear.in_features()) continue;
            ++few;
            if (of_fewest != nullptr && tokens >= fewest) continue;
            fewest = tokens;
            of_fewest = &linear;
        }
    if (few > 0)
        ctx.log("warning: " + std::to_string(few) + " of " + std::to_string(experts) +
                " experts saw fewer calibration tokens than they have inputs, " + of_fewest->short_name + " " +
                std::to_string(fewest) + " of " + std::to_string(of_fewest->in_features()) +
                ": what methods find for them fits these few alone. Calibrate on more samples");
}

} // namespace

std::shared_ptr<ActivationStats> statistics_asked(const Tokenizer& tokenizer, const CalibrationSpec& spec,
                                                  const Device& device, const Execution& execution) {
    const Corpus corpus = load_text(spec.text, BuiltInText::calibration);
    auto stats = std::make_shared<ActivationStats>();
    stats->spec = spec;
    stats->samples = pick_samples(tokenize(tokenizer, corpus), spec);
    const std::vector<ModelRunner::Window> windows(stats->samples.begin(), stats->samples.end());
    stats->provenance = run_provenance(device, execution, corpus, windows);
    return stats;
}

std::shared_ptr<const ActivationStats> calibrate(const Model& model, const Tokenizer& tokenizer,
                                                 const CalibrationSpec& spec, JobContext& ctx,
                                                 const StatsCallback& on_snapshot) {
    return calibrate(model, tokenizer, spec, ctx, on_snapshot, {});
}

std::shared_ptr<const ActivationStats> calibrate(const Model& model, const Tokenizer& tokenizer,
                                                 const CalibrationSpec& spec, JobContext& ctx,
                                                 const StatsCallback& on_snapshot, const StatsLookup& made_before) {
    const WorkClock clock;
    model.start_hashing();
    ctx.progress.begin("Tokenizing the calibration text", 0);
    const Device device = open_device(ctx.device);
    const std::shared_ptr<ActivationStats> stats =
        statistics_asked(tokenizer, spec, device, settle_execution(ctx.execution, ctx.device, model));
    ctx.check_cancelled();
    const std::vector<ModelRunner::Window> windows(stats->samples.begin(), stats->samples.end());
    if (made_before)
        if (auto there = made_before(*stats)) return there;
    // Borrowed: `model` outlives this call, and the runner does not outlive it.
    const std::shared_ptr<const Model> borrowed(std::shared_ptr<const void>(), &model);
    RunnerOptions options;
    options.execution = ctx.execution;
    ModelRunner runner(borrowed, std::shared_ptr<const QuantizedModel>(), device, options);
    const StatisticsPlan plan = statistics_plan(model, spec.samples, spec.length);
    for (const InputSite& site : model.input_sites())
        stats->sites.push_back(no_statistics(site.id, plan, site.channels));
    SnapshotThrottle throttle;
    GRATICULE_ASSERT(to_text(runner.execution()) == stats->provenance.execution, "computed as settled");
    ctx.progress.begin("Calibrating", spec.samples * static_cast<std::int64_t>(model.blocks().size()));
    stats->seconds_observing = runner.observe(windows, &plan, ctx, [&](SiteStats&& site) {
        stats->sites.at(index_of(site.site)) = std::move(site);
        if (!on_snapshot || !throttle.due()) return;
        const Clock::time_point copying = Clock::now();
        stats->seconds = clock.seconds();
        on_snapshot(std::make_shared<const ActivationStats>(*stats));
        throttle.took(seconds_since(copying));
    });

    stats->provenance.model_hash = model.hash(ctx);
    stats->provenance.product_tokens = runner.smaller_products();
    stats->provenance.seed = spec.seed;
    stats->provenance.protocol = std::to_string(spec.samples) +
                                 (spec.pick == CalibrationSpec::Pick::first ? " first" : " random") + " samples of " +
                                 std::to_string(spec.length) + " tokens";
    stats->seconds = clock.seconds();
    tell_experts_that_saw_few(model, *stats, ctx);
    return stats;
}

} // namespace graticule
