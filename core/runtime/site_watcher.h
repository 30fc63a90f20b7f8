// Gathers the statistics of every site's input where the values are: one kernel call per site and batch, sums that stay
// on the device until the block is done, then one copy per block that is waited for while the next block computes.
//
//     SiteWatcher watcher(plan, device);
//     for each block:
//         for each batch:  watcher.start_batch(first_sample, samples);  decoder.forward(block, ..., &watcher);
//         watcher.end_block();
//         watcher.deliver(on_site, Wait::not_for_the_last);      // of the blocks before
//     watcher.deliver(on_site, Wait::for_all);
#pragma once

#include <functional>
#include <memory>

#include "core/runtime/hooks.h"
#include "core/stats/site_statistics.h"

namespace graticule {

class SiteWatcher final : public DecoderHooks {
public:
    SiteWatcher(const StatisticsPlan& plan, const Device& device);
    ~SiteWatcher() override;

    /// What observe() sees until the next call: samples [first, first + count) of the plan.
    void start_batch(std::int64_t first, std::int64_t count);
    void select_tokens(const at::Tensor& rows) override;
    void observe(SiteId site, const at::Tensor& x) override;
    void end_block();

    enum class Wait { not_for_the_last, for_all };
    /// Sites of blocks that have ended, in order; all of them, or all but those of the last such block.
    void deliver(const std::function<void(SiteStats&&)>& on_site, Wait wait);

    /// Spent on statistics: host time on a CPU; on a card, time between events around its kernels and copies, known
    /// when the block is delivered.
    [[nodiscard]] double seconds() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace graticule
