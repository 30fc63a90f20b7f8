// Passes over the samples whose inputs are watched at every site.
#include "core/runtime/model_runner_impl.h"
#include "core/runtime/site_watcher.h"

namespace graticule {

double ModelRunner::observe(std::span<const Window> samples, const StatisticsPlan* plan, JobContext& ctx,
                            const std::function<void(SiteStats&&)>& on_site) {
    impl_->check_one_side();
    if (samples.empty()) return 0;
    double seconds = 0;
    std::int64_t advanced = 0; // what is run once more does not count again
    impl_->twice_if_needed(
        ctx, [&] { return "calibrating on " + impl_->device.name(); },
        [&](bool smaller) { seconds = impl_->observe_all(samples, plan, ctx, advanced, smaller, on_site); });
    return seconds;
}

double ModelRunner::Impl::observe_all(std::span<const Window> samples, const StatisticsPlan* plan, JobContext& ctx,
                                      std::int64_t& advanced, bool states_on_host,
                                      const std::function<void(SiteStats&&)>& on_site) {
    std::optional<SiteWatcher> watcher;
    if (plan != nullptr) watcher.emplace(*plan, device);
    const auto away = [&](const at::Tensor& states) { return states_on_host ? states.cpu() : states; };
    // A CPU gains nothing from batches, and one sample at a time stays in its caches.
    const auto tokens = static_cast<std::int64_t>(samples.front().size());
    const auto batch = static_cast<std::size_t>(device.is_cuda() ? rows_at_once(tokens) : 1);
    std::vector<at::Tensor> hidden;
    for (std::size_t first = 0; first < samples.size(); first += batch)
        hidden.push_back(away(decoder.embed(samples.subspan(first, std::min(batch, samples.size() - first)))));
    std::int64_t passed = 0;
    for (const Block& block : decoder.model().blocks()) {
        const auto loaded = next_block(block.id, false);
        std::int64_t first = 0;
        for (at::Tensor& part : hidden) {
            if (watcher) watcher->start_batch(first, part.size(0));
            part = away(decoder.forward(block.id, loaded->front(), part.to(torch_device(device)),
                                        watcher ? &*watcher : nullptr));
            first += part.size(0);
            passed += part.size(0);
            ctx.advance(std::max<std::int64_t>(0, passed - advanced));
            advanced = std::max(advanced, passed);
        }
        if (!watcher) continue;
        watcher->end_block();
        watcher->deliver(on_site, SiteWatcher::Wait::not_for_the_last);
    }
    if (watcher) watcher->deliver(on_site, SiteWatcher::Wait::for_all);
    std::size_t sample = 0;
    for (const at::Tensor& part : hidden) // a NaN on the way is a NaN at the end
        for (std::int64_t i = 0; i < part.size(0); ++i, ++sample)
            if (!all_finite(part[i]))
                refuse_overflow(0, samples[sample],
                                "the output of calibration sample " + std::to_string(sample + 1) + " is");
    decoder.verify_parameters();
    return watcher ? watcher->seconds() : 0.0;
}

} // namespace graticule
