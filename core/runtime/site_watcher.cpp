#include "core/runtime/site_watcher.h"

#include <algorithm>
#include <deque>
#include <future>
#include <optional>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/runtime/activation_rounding.h"
#include "core/runtime/torch_stopwatch.h"
#include "core/runtime/transfers.h"

namespace graticule {

namespace {

struct Site {
    SiteId id{};
    std::int64_t channels = 0;
    at::Tensor accumulators;               ///< bytes, laid out as SiteAccumulators
    std::vector<std::int64_t> rows;        ///< of each segment, that they hold
    at::Tensor kept;                       ///< (kept tokens, channels), in the type that was seen
    std::vector<std::int64_t> kept_tokens; ///< so far
};

/// Rows of a batch: those of one segment, and those that are kept.
struct Selection {
    std::vector<at::Tensor> of_segment; ///< empty: all rows, whole samples
    std::vector<std::int64_t> kept_tokens;
    at::Tensor kept; ///< which rows of what a site shows these are
};

/// What was gathered at a site, on its way to the host.
struct SeenSite {
    Site site;
    Arrival accumulators, kept, absmax;
};

struct SeenBlock {
    std::vector<SeenSite> sites;
    std::vector<Stopwatch> watches;
};

struct FinishedBlock {
    std::vector<SiteStats> sites;
    double seconds = 0;
};

} // namespace

struct SiteWatcher::State {
    const StatisticsPlan& plan;
    const Device& device;
    std::int64_t first_sample = 0;
    Selection whole_batch, selected;
    bool some_tokens_only = false;  ///< `selected` holds
    std::vector<Site> sites;        ///< of the block under way
    std::vector<Stopwatch> watches; ///< likewise
    double seconds = 0;
    std::deque<std::future<FinishedBlock>> ended; // last: waited for before what they look at goes

    [[nodiscard]] at::Tensor to_device(const std::vector<std::int64_t>& rows) const {
        return send(at::tensor(at::ArrayRef<std::int64_t>(rows), at::kLong), device);
    }

    Site& site_of(SiteId id, const at::Tensor& x) {
        for (Site& site : sites)
            if (site.id == id) return site;
        Site site;
        site.id = id;
        site.channels = x.size(-1);
        const auto bytes = SiteAccumulators::bytes(std::ssize(plan.ends), site.channels);
        site.accumulators = at::empty({static_cast<std::int64_t>(bytes)}, x.options().dtype(at::kByte));
        site.kept = at::empty({std::ssize(plan.kept_tokens), site.channels}, x.options());
        site.rows.resize(plan.ends.size());
        return sites.emplace_back(std::move(site));
    }

    [[nodiscard]] SiteAccumulators accumulators_of(const Site& site, const at::Tensor& memory) const {
        return {memory.data_ptr(), std::ssize(plan.ends), site.channels};
    }

    /// Joins a batch, whole samples or rows of one segment alone, to the sums of the segments that end at `ends`.
    void accumulate(const at::Tensor& seen, std::int64_t samples, std::int64_t length, SegmentEnds ends,
                    std::span<std::int64_t> rows, const SiteAccumulators& sums) const {
        const Backend& kernels = device.kernels();
        // Statistics hold float32 extremes: what float64 adds to them is nothing.
        const at::Tensor values = seen.scalar_type() == at::kDouble ? seen.to(at::kFloat) : seen;
        const std::int64_t columns = values.size(1);
        const auto type = value_type(values.scalar_type());
        GRATICULE_ASSERT(type, "statistics are of float32, bfloat16 or float16");
        const ActivationBatch batch{values.data_ptr(), *type, samples, length, columns, columns};
        const auto bytes = static_cast<std::int64_t>(kernels.statistics_workspace_bytes(batch, ends));
        const at::Tensor workspace = at::empty({bytes}, values.options().dtype(at::kByte));
        kernels.accumulate_statistics(batch, ends, rows, sums, workspace.data_ptr(), current_stream(device));
        for (std::size_t i = 0; i < ends.size(); ++i) rows[i] += samples * (ends[i] - (i == 0 ? 0 : ends[i - 1]));
    }

    void accumulate(Site& site, const at::Tensor& values) const {
        const SiteAccumulators sums = accumulators_of(site, site.accumulators);
        if (!some_tokens_only) {
            GRATICULE_ASSERT(values.size(0) % plan.length == 0, "whole samples of the announced length");
            return accumulate(values, values.size(0) / plan.length, plan.length, plan.ends, site.rows, sums);
        }
        for (std::size_t i = 0; i < plan.ends.size(); ++i) {
            const at::Tensor& which = selected.of_segment[i];
            const std::int64_t ends[] = {which.numel()};
            if (ends[0] == 0) continue;
            accumulate(values.index_select(0, which), 1, ends[0], ends, std::span(site.rows).subspan(i, 1),
                       sums.segment(static_cast<std::int64_t>(i), site.channels));
        }
    }

    void keep_rows(Site& site, const at::Tensor& values) const {
        const Selection& here = some_tokens_only ? selected : whole_batch;
        if (here.kept_tokens.empty()) return;
        at::Tensor place = site.kept.narrow(0, std::ssize(site.kept_tokens), std::ssize(here.kept_tokens));
        at::index_select_out(place, values, 0, here.kept);
        site.kept_tokens.insert(site.kept_tokens.end(), here.kept_tokens.begin(), here.kept_tokens.end());
    }

    [[nodiscard]] FinishedBlock finish(SeenBlock& seen) const {
        const TorchScope scope(device);
        FinishedBlock finished;
        for (const Stopwatch& watch : seen.watches) finished.seconds += watch.seconds();
        Stopwatch watch(Stopwatch::of_host);
        for (SeenSite& site : seen.sites) finished.sites.push_back(finish(site));
        watch.stop();
        if (!device.is_cuda()) finished.seconds += watch.seconds(); // on a card it is done beside the next block
        return finished;
    }

    [[nodiscard]] SiteStats finish(SeenSite& seen) const {
        const Site& site = seen.site;
        // Pinned memory is short: what stays is copied out of it.
        return site_statistics(site.id, plan, site.channels, site.rows, accumulators_of(site, seen.accumulators.wait()),
                               {to_host_as_it_is(seen.kept.wait()), site.kept_tokens, to_vector(seen.absmax.wait())});
    }
};

SiteWatcher::SiteWatcher(const StatisticsPlan& plan, const Device& device)
    : state_(new State{plan, device, 0, {}, {}, false, {}, {}, 0, {}}) {}

SiteWatcher::~SiteWatcher() = default;

void SiteWatcher::start_batch(std::int64_t first, std::int64_t count) {
    const StatisticsPlan& plan = state_->plan;
    state_->first_sample = first;
    state_->some_tokens_only = false;
    const auto begin = std::ranges::lower_bound(plan.kept_tokens, first * plan.length);
    const auto end = std::ranges::lower_bound(plan.kept_tokens, (first + count) * plan.length);
    Selection& all = state_->whole_batch;
    all.kept_tokens.assign(begin, end);
    std::vector<std::int64_t> rows;
    for (const std::int64_t token : all.kept_tokens) rows.push_back(token - first * plan.length);
    all.kept = state_->to_device(rows);
}

void SiteWatcher::select_tokens(const at::Tensor& which) {
    state_->some_tokens_only = which.defined();
    if (!which.defined()) return;
    const StatisticsPlan& plan = state_->plan;
    const at::Tensor host = which.to(at::kCPU).contiguous();
    const std::span<const std::int64_t> tokens(host.data_ptr<std::int64_t>(), static_cast<std::size_t>(host.numel()));
    Selection& selected = state_->selected;
    selected = {};
    std::vector<std::vector<std::int64_t>> of_segment(plan.ends.size());
    std::vector<std::int64_t> kept;
    for (std::int64_t row = 0; row < std::ssize(tokens); ++row) {
        const std::int64_t token = tokens[static_cast<std::size_t>(row)] + state_->first_sample * plan.length;
        const auto segment = std::ranges::upper_bound(plan.ends, token % plan.length) - plan.ends.begin();
        of_segment[static_cast<std::size_t>(segment)].push_back(row);
        if (!std::ranges::binary_search(plan.kept_tokens, token)) continue;
        kept.push_back(row);
        selected.kept_tokens.push_back(token);
    }
    for (const auto& rows : of_segment) selected.of_segment.push_back(state_->to_device(rows));
    selected.kept = state_->to_device(kept);
}

void SiteWatcher::observe(SiteId id, const at::Tensor& x) {
    Stopwatch watch(state_->device);
    const at::Tensor values = x.reshape({-1, x.size(-1)}).contiguous();
    Site& site = state_->site_of(id, values);
    state_->accumulate(site, values);
    state_->keep_rows(site, values);
    watch.stop();
    state_->watches.push_back(std::move(watch));
}

void SiteWatcher::end_block() {
    Stopwatch watch(state_->device);
    SeenBlock seen;
    for (Site& site : std::exchange(state_->sites, {})) {
        // An expert's may be fewer than planned.
        const at::Tensor kept = site.kept.narrow(0, 0, std::ssize(site.kept_tokens));
        const at::Tensor accumulators = site.accumulators;
        seen.sites.push_back({std::move(site), Arrival(accumulators), Arrival(kept), Arrival(kept.abs().amax(1))});
    }
    watch.stop();
    seen.watches = std::exchange(state_->watches, {});
    seen.watches.push_back(std::move(watch));
    // A thread of its own waits for the copies and puts the sites together, while this one prepares the next block.
    const auto when = state_->device.is_cuda() ? std::launch::async : std::launch::deferred;
    state_->ended.push_back(
        std::async(when, [state = state_.get(), seen = std::move(seen)]() mutable { return state->finish(seen); }));
}

void SiteWatcher::deliver(const std::function<void(SiteStats&&)>& on_site, Wait wait) {
    // On a CPU there is nothing to wait for.
    const std::size_t stay = wait == Wait::not_for_the_last && state_->device.is_cuda() ? 1 : 0;
    while (state_->ended.size() > stay) {
        FinishedBlock block = state_->ended.front().get();
        state_->ended.pop_front();
        state_->seconds += block.seconds;
        for (SiteStats& site : block.sites) on_site(std::move(site));
    }
}

double SiteWatcher::seconds() const { return state_->seconds; }

} // namespace graticule
