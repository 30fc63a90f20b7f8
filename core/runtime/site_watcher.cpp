#include "core/runtime/site_watcher.h"

#include <algorithm>
#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <chrono>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "core/base/error.h"

namespace graticule {

namespace {

ValueType value_type(const at::Tensor& x) {
    if (x.scalar_type() == at::kBFloat16) return ValueType::bf16;
    if (x.scalar_type() == at::kHalf) return ValueType::f16;
    GRATICULE_ASSERT(x.scalar_type() == at::kFloat, "statistics are of float32, bfloat16 or float16");
    return ValueType::f32;
}

/// What lies between two moments: of the host, or of the device's queue of work.
class Stopwatch {
public:
    explicit Stopwatch(const Device& device)
        : began_(Clock::now()) {
        if (!device.is_cuda()) return;
        stream_ = c10::impl::VirtualGuardImpl(at::kCUDA).getStream(torch_device(device));
        events_.emplace(c10::Event(at::kCUDA, c10::EventFlag::BACKEND_DEFAULT),
                        c10::Event(at::kCUDA, c10::EventFlag::BACKEND_DEFAULT));
        events_->first.record(*stream_);
    }
    void stop() {
        if (events_)
            events_->second.record(*stream_);
        else
            seconds_ = std::chrono::duration<double>(Clock::now() - began_).count();
    }
    /// Waits until the device has got there.
    [[nodiscard]] double seconds() const {
        if (!events_) return seconds_;
        events_->second.synchronize();
        return events_->first.elapsedTime(events_->second) / 1e3;
    }

private:
    using Clock = std::chrono::steady_clock;
    Clock::time_point began_;
    double seconds_ = 0;
    std::optional<c10::Stream> stream_;
    std::optional<std::pair<c10::Event, c10::Event>> events_;
};

/// On its way to the host once the work before it is done; nothing waits here.
at::Tensor start_copy(const at::Tensor& tensor) {
    if (tensor.is_cpu()) return tensor;
    at::Tensor host = at::empty(tensor.sizes(), tensor.options().device(at::kCPU).pinned_memory(true));
    return host.copy_(tensor, /*non_blocking=*/true);
}

struct Site {
    SiteId id{};
    std::int64_t channels = 0;
    at::Tensor accumulators;        ///< bytes, laid out as SiteAccumulators
    at::Tensor kept;                ///< (kept tokens, channels), in the type that was seen
    at::Tensor absmax;              ///< (kept tokens), once the block has ended
    std::int64_t filled = 0;        ///< rows of `kept`
    std::vector<std::int64_t> rows; ///< of each segment
};

struct EndedBlock {
    std::vector<Site> sites; ///< in host memory once the last watch has stopped
    std::vector<Stopwatch> watches;
};

} // namespace

struct SiteWatcher::State {
    const StatisticsPlan& plan;
    const Device& device;
    at::Tensor kept_here; ///< rows of the batch that are kept
    EndedBlock block;     ///< under way
    std::deque<EndedBlock> ended;
    double seconds = 0;

    Site& site_of(SiteId id, const at::Tensor& x) {
        for (Site& site : block.sites)
            if (site.id == id) return site;
        Site site;
        site.id = id;
        site.channels = x.size(-1);
        const auto bytes = SiteAccumulators::bytes(std::ssize(plan.ends), site.channels);
        site.accumulators = at::empty({static_cast<std::int64_t>(bytes)}, x.options().dtype(at::kByte));
        site.kept = at::empty({std::ssize(plan.kept_tokens), site.channels}, x.options());
        site.rows.resize(plan.ends.size());
        return block.sites.emplace_back(std::move(site));
    }

    [[nodiscard]] SiteAccumulators accumulators_of(const Site& site) const {
        return {site.accumulators.data_ptr(), std::ssize(plan.ends), site.channels};
    }

    void accumulate(Site& site, const at::Tensor& rows) const {
        const Backend& kernels = device.kernels();
        const std::int64_t samples = rows.size(0) / plan.length;
        const ActivationBatch batch{rows.data_ptr(), value_type(rows), samples,
                                    plan.length,     site.channels,    site.channels};
        const auto bytes = static_cast<std::int64_t>(kernels.statistics_workspace_bytes(batch, plan.ends));
        const at::Tensor workspace = at::empty({bytes}, rows.options().dtype(at::kByte));
        kernels.accumulate_statistics(batch, plan.ends, site.rows, accumulators_of(site), workspace.data_ptr(),
                                      current_stream(device));
        for (std::size_t i = 0; i < plan.ends.size(); ++i)
            site.rows[i] += samples * (plan.ends[i] - (i == 0 ? 0 : plan.ends[i - 1]));
    }

    void keep_rows(Site& site, const at::Tensor& rows) const {
        if (kept_here.numel() == 0) return;
        at::Tensor place = site.kept.narrow(0, site.filled, kept_here.numel());
        at::index_select_out(place, rows, 0, kept_here);
        site.filled += kept_here.numel();
    }

    [[nodiscard]] SiteStats finish(const Site& site) const {
        // Pinned memory is short: what stays is copied out of it, as float32.
        const at::Tensor kept = site.kept.to(at::kFloat, /*non_blocking=*/false, /*copy=*/site.kept.is_pinned());
        return site_statistics(site.id, plan, site.channels, site.rows, accumulators_of(site), to_host(kept),
                               to_vector(site.absmax));
    }
};

SiteWatcher::SiteWatcher(const StatisticsPlan& plan, const Device& device)
    : state_(new State{plan, device, {}, {}, {}, 0}) {}

SiteWatcher::~SiteWatcher() = default;

void SiteWatcher::start_batch(std::int64_t first, std::int64_t count) {
    const StatisticsPlan& plan = state_->plan;
    const auto begin = std::ranges::lower_bound(plan.kept_tokens, first * plan.length);
    const auto end = std::ranges::lower_bound(plan.kept_tokens, (first + count) * plan.length);
    const at::ArrayRef<std::int64_t> tokens(plan.kept_tokens.data() + (begin - plan.kept_tokens.begin()),
                                            static_cast<std::size_t>(end - begin));
    const at::Tensor rows = at::tensor(tokens, at::kLong) - first * plan.length;
    state_->kept_here = rows.to(torch_device(state_->device));
}

void SiteWatcher::observe(SiteId id, const at::Tensor& x) {
    Stopwatch watch(state_->device);
    const at::Tensor rows = x.reshape({-1, x.size(-1)}).contiguous();
    GRATICULE_ASSERT(rows.size(0) % state_->plan.length == 0, "whole samples of the announced length");
    Site& site = state_->site_of(id, rows);
    state_->accumulate(site, rows);
    state_->keep_rows(site, rows);
    watch.stop();
    state_->block.watches.push_back(std::move(watch));
}

void SiteWatcher::end_block() {
    Stopwatch watch(state_->device);
    for (Site& site : state_->block.sites) {
        site.absmax = start_copy(site.kept.abs().amax(1));
        site.accumulators = start_copy(site.accumulators);
        site.kept = start_copy(site.kept);
    }
    watch.stop();
    state_->block.watches.push_back(std::move(watch));
    state_->ended.push_back(std::exchange(state_->block, {}));
}

void SiteWatcher::deliver(const std::function<void(SiteStats&&)>& on_site, Wait wait) {
    // On a CPU there is nothing to wait for.
    const std::size_t stay = wait == Wait::not_for_the_last && state_->device.is_cuda() ? 1 : 0;
    while (state_->ended.size() > stay) {
        const EndedBlock block = std::move(state_->ended.front());
        state_->ended.pop_front();
        for (const Stopwatch& watch : block.watches) state_->seconds += watch.seconds();
        const auto start = std::chrono::steady_clock::now();
        for (const Site& site : block.sites) on_site(state_->finish(site));
        if (!state_->device.is_cuda())
            state_->seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    }
}

double SiteWatcher::seconds() const { return state_->seconds; }

} // namespace graticule
