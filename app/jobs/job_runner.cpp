#include "app/jobs/job_runner.h"

#include <QtCore/QMetaObject>
#include <algorithm>
#include <optional>

#include "core/base/cancel_point.h"
#include "core/base/hold.h"
#include "core/base/new_mappings.h"
#include "core/runtime/card_memory.h"
#include "core/runtime/torch_error.h"

namespace graticule {

struct JobRunner::Job {
    JobId id{};
    JobRequest request;
    std::shared_ptr<const void> part;
    JointWork work;
    Done done;
    std::function<void(const JobView&)> when_ended;
    JobContext context;
    std::shared_ptr<JobContext> pass;                      ///< of the pass that it shares with others; null: its own
    std::shared_ptr<Hold> hold = std::make_shared<Hold>(); ///< of the pass, from when it begins
    JobState state = JobState::waiting;
    bool stopping = false;
    QString note;
    ErrorInfo error;
    std::chrono::steady_clock::time_point started, stopped;
};

namespace {
double seconds_between(std::chrono::steady_clock::time_point from, std::chrono::steady_clock::time_point to) {
    return std::chrono::duration<double>(to - from).count();
}
} // namespace

JobRunner::JobRunner(QObject* parent)
    : QObject(parent)
    , thread_([this](std::stop_token stop) { loop(stop); }) {}

JobRunner::~JobRunner() {
    blockSignals(true); // whoever listens is going as well, and may be half gone
    cancelAll();
    thread_.request_stop();
    wake_.notify_all();
    thread_.join();
}

JobId JobRunner::submitAny(JobRequest request, Work work, Done done, std::function<void(const JobView&)> when_ended) {
    request.together.clear();
    return add(
        std::move(request), nullptr,
        [work = std::move(work)](std::span<Share> shares, JobContext& ctx) { shares.front().result = work(ctx); },
        std::move(done), std::move(when_ended));
}

JobId JobRunner::add(JobRequest request, std::shared_ptr<const void> part, JointWork work, Done done,
                     std::function<void(const JobView&)> when_ended) {
    auto job = std::make_shared<Job>();
    job->request = std::move(request);
    job->part = std::move(part);
    job->work = std::move(work);
    job->done = std::move(done);
    job->when_ended = std::move(when_ended);
    prepare(job->context, job->request);
    Jobs replaced;
    {
        const std::lock_guard lock(mutex_);
        job->id = JobId{++last_id_};
        if (!job->request.tag.isEmpty())
            for (const auto& other : waiting_)
                if (other->request.tag == job->request.tag && !isAwaited(other->id)) replaced.push_back(other);
        for (const auto& other : replaced) std::erase(waiting_, other);
        jobs_.push_back(job);
        waiting_.push_back(job);
    }
    for (const auto& other : replaced) finish(other, JobState::cancelled, nullptr, {});
    wake_.notify_all();
    Q_EMIT changed();
    return job->id;
}

void JobRunner::prepare(JobContext& context, const JobRequest& request) {
    context.device = request.device;
    context.execution = request.execution;
    context.log = [this](const std::string& line) {
        post([this, line] { Q_EMIT logged(QString::fromStdString(line)); });
    };
}

void JobRunner::cancel(JobId id) {
    std::shared_ptr<Job> dropped;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& job : jobs_) {
            if (job->id != id) continue;
            job->context.cancel.request();
            if (job->state == JobState::waiting && std::erase(waiting_, job) > 0) dropped = job;
            if (job->state != JobState::running) continue;
            if (running_.size() > 1 && std::erase(running_, job) > 0) { // the pass goes on for the others
                const Progress::Snapshot so_far = job->pass->progress.snapshot();
                job->context.progress.begin(so_far.stage, so_far.total, so_far.before, so_far.counted);
                job->context.progress.add(so_far.done - so_far.before);
                job->pass.reset();
                dropped = job;
                continue;
            }
            job->stopping = true;
            if (job->pass) job->pass->cancel.request();
            job->hold->set(false); // it must go on to stop
        }
    }
    if (dropped) finish(dropped, JobState::cancelled, nullptr, {});
    Q_EMIT changed();
}

void JobRunner::cancelAll(const QString& spared_tag) {
    std::vector<JobId> live;
    {
        const std::lock_guard lock(mutex_);
        // Waiting ones first, or the next would start while the running one is being stopped.
        const auto add = [&](const Job& job) {
            if (spared_tag.isEmpty() || job.request.tag != spared_tag) live.push_back(job.id);
        };
        for (const auto& job : waiting_) add(*job);
        for (const auto& job : running_) add(*job);
    }
    for (const JobId id : live) cancel(id);
}

void JobRunner::hold(JobId id, bool held) {
    {
        const std::lock_guard lock(mutex_);
        const auto found = std::ranges::find(running_, id, [](const auto& job) { return job->id; });
        if (found == running_.end() || (*found)->stopping) return;
        (*found)->hold->set(held); // all that pass the blocks with it
    }
    Q_EMIT changed();
}

void JobRunner::note(JobId id, const QString& note) {
    const std::lock_guard lock(mutex_);
    for (const auto& job : jobs_)
        if (job->id == id) job->note = note;
}

void JobRunner::move(JobId id, JobId before) {
    {
        const std::lock_guard lock(mutex_);
        const auto at = [this](JobId wanted) {
            return std::find_if(waiting_.begin(), waiting_.end(), [=](const auto& job) { return job->id == wanted; });
        };
        const auto found = at(id);
        if (found == waiting_.end() || id == before) return;
        const std::shared_ptr<Job> moved = *found;
        waiting_.erase(found);
        waiting_.insert(at(before), moved);
        std::deque<std::shared_ptr<Job>> order; // as wished, each behind those that it waits for
        const std::function<void(const std::shared_ptr<Job>&)> add = [&](const std::shared_ptr<Job>& job) {
            if (std::find(order.begin(), order.end(), job) != order.end()) return;
            for (const JobId needed : job->request.after)
                if (const auto other = at(needed); other != waiting_.end()) add(*other);
            order.push_back(job);
        };
        for (const auto& job : waiting_) add(job);
        waiting_ = std::move(order);
    }
    Q_EMIT changed();
}

void JobRunner::post(std::function<void()> call) {
    QMetaObject::invokeMethod(this, std::move(call), Qt::QueuedConnection);
}

bool JobRunner::isAwaited(JobId id) const {
    return std::any_of(waiting_.begin(), waiting_.end(), [id](const auto& job) {
        const std::vector<JobId>& after = job->request.after;
        return std::find(after.begin(), after.end(), id) != after.end();
    });
}

bool JobRunner::prerequisitesHold(const Job& job) const {
    return std::all_of(job.request.after.begin(), job.request.after.end(), [this](JobId id) {
        const auto found =
            std::find_if(jobs_.begin(), jobs_.end(), [id](const auto& other) { return other->id == id; });
        return found == jobs_.end() || (*found)->state == JobState::done;
    });
}

bool JobRunner::awaits(const Job& job, const Job& other) const {
    return std::ranges::any_of(job.request.after, [&](JobId id) {
        if (id == other.id) return true;
        const auto between = std::ranges::find(waiting_, id, [](const auto& each) { return each->id; });
        return between != waiting_.end() && awaits(**between, other);
    });
}

JobRunner::Jobs JobRunner::withThoseTogether(const std::shared_ptr<Job>& first) const {
    Jobs pass{first};
    const JobRequest& asked = first->request;
    if (asked.together.isEmpty()) return pass;
    for (const auto& job : waiting_)
        if (job != first && pass.size() < most_together && job->request.together == asked.together &&
            job->request.device == asked.device && job->request.execution == asked.execution)
            pass.push_back(job);
    return pass;
}

// The first that waits, with those that it is done together with. Before them comes what any of these waits for, again
// with those that it is done together with; what two passes wait for crosswise is done alone.
JobRunner::Jobs JobRunner::takeNext() {
    Jobs next = withThoseTogether(waiting_.front());
    for (std::size_t steps = 0; steps <= waiting_.size(); ++steps) {
        const auto needed = std::ranges::find_if(waiting_, [&](const auto& job) {
            return std::ranges::any_of(next, [&](const auto& each) { return awaits(*each, *job); });
        });
        if (needed == waiting_.end()) break;
        next = steps < waiting_.size() ? withThoseTogether(*needed) : Jobs{*needed};
    }
    for (const auto& job : next) std::erase(waiting_, job);
    return next;
}

void JobRunner::loop(std::stop_token stop) {
    while (true) {
        Jobs skipped, pass;
        std::shared_ptr<JobContext> together;
        {
            std::unique_lock lock(mutex_);
            if (!wake_.wait(lock, stop, [this] { return !waiting_.empty(); })) return;
            for (const auto& job : takeNext()) (prerequisitesHold(*job) ? pass : skipped).push_back(job);
            if (pass.size() > 1) {
                together = std::make_shared<JobContext>();
                prepare(*together, pass.front()->request);
            }
            for (const auto& job : pass) {
                job->state = JobState::running;
                job->started = std::chrono::steady_clock::now();
                job->pass = together;
                job->hold = pass.front()->hold;
            }
            running_ = pass;
        }
        for (const auto& job : skipped) finish(job, JobState::skipped, nullptr, {});
        if (pass.empty()) continue;
        post([this] { Q_EMIT changed(); });
        run(pass, together ? *together : pass.front()->context);
    }
}

// The one place where a failure of the window's work is caught; the command line's main is the other.
void JobRunner::run(const Jobs& pass, JobContext& context) {
    std::vector<Share> shares;
    for (const auto& job : pass) shares.push_back({job->part, job->context.cancel});
    JobState state = JobState::done;
    ErrorInfo error;
    std::optional<NewMappingsOnly> apart;
    if (pass.front()->request.new_files) apart.emplace();
    do {
        state = JobState::done;
        error = {};
        try {
            const CancelScope scope(context);
            const HoldScope holding(*pass.front()->hold);
            context.check_cancelled();
            start_card_peak(pass.front()->request.device); // what the job line says is of this job
            pass.front()->work(shares, context);
            verify_mappings(); // nothing is shown that a file cut short went into
        } catch (const Cancelled&) {
            state = JobState::cancelled;
        } catch (...) {
            if (pass.size() > 1) return queueAlone(pass);
            state = JobState::failed;
            error = current_error();
        }
    } while (state == JobState::failed && standFor(error, pass.front()));
    for (std::size_t i = 0; i < pass.size(); ++i) {
        const auto& job = pass[i];
        job->work = nullptr; // what it captured (models, statistics) must not outlive its use
        job->part = nullptr;
        {
            const std::lock_guard lock(mutex_);
            if (std::ranges::find(running_, job) == running_.end()) continue; // cancelled, and told so
        }
        const bool stopped = pass.size() > 1 && state == JobState::done && !shares[i].result;
        finish(job, stopped ? JobState::cancelled : state, std::move(shares[i].result), error);
    }
}

bool JobRunner::standFor(const ErrorInfo& error, const std::shared_ptr<Job>& job) {
    if (!stands_for_memory_ || error.kind != ErrorKind::out_of_memory || job->request.device == "cpu") return false;
    {
        const std::lock_guard lock(mutex_);
        if (job->stopping) return false;
        job->error = error;
        job->hold->set(true);
    }
    post([this, id = job->id, title = job->request.title, why = QString::fromStdString(error.text())] {
        Q_EMIT changed();
        Q_EMIT shortOfMemory(id, title, why);
    });
    job->hold->stand();
    const std::lock_guard lock(mutex_);
    job->error = {};
    job->context.device = job->request.device;
    return true;
}

void JobRunner::tryOn(JobId id, const std::string& device) {
    {
        const std::lock_guard lock(mutex_);
        for (const auto& job : running_)
            if (job->id == id && job->hold->held()) job->request.device = device;
    }
    hold(id, false);
}

// One of them may be the cause, and the others need not fail for it.
void JobRunner::queueAlone(const Jobs& pass) {
    {
        const std::lock_guard lock(mutex_);
        for (auto job = pass.rbegin(); job != pass.rend(); ++job) {
            if (std::ranges::find(running_, *job) == running_.end()) continue;
            (*job)->state = JobState::waiting;
            (*job)->pass.reset();
            (*job)->hold = std::make_shared<Hold>();
            (*job)->request.together.clear();
            waiting_.push_front(*job);
        }
        running_.clear();
    }
    post([this] { Q_EMIT changed(); });
}

void JobRunner::finish(const std::shared_ptr<Job>& job, JobState state, Result result, ErrorInfo error) {
    {
        const std::lock_guard lock(mutex_);
        job->state = state;
        job->error = std::move(error);
        job->stopping = false;
        job->stopped = std::chrono::steady_clock::now();
        if (job->started == std::chrono::steady_clock::time_point{}) job->started = job->stopped;
        std::erase(running_, job);
        ++undelivered_;
    }
    post([this, job, result = std::move(result), state] {
        if (state == JobState::done && job->done) job->done(result);
        const JobView ended_view = [&] {
            const std::lock_guard lock(mutex_);
            return view(*job);
        }();
        if (job->when_ended) job->when_ended(ended_view);
        job->done = nullptr;
        job->when_ended = nullptr;
        {
            const std::lock_guard lock(mutex_);
            --undelivered_;
        }
        Q_EMIT ended(job->id);
        Q_EMIT changed();
    });
}

JobView JobRunner::view(const Job& job) const {
    JobView view;
    view.id = job.id;
    view.tag = job.request.tag;
    view.title = job.request.title;
    view.opens = job.request.opens;
    view.state = job.state;
    view.progress = (job.pass ? *job.pass : job.context).progress.snapshot();
    view.tokens = job.request.tokens;
    view.device = job.request.device;
    view.stopping = job.stopping;
    view.held = job.hold->held();
    view.error = job.error;
    view.note = job.note;
    for (std::size_t place = 0; place < waiting_.size(); ++place)
        if (waiting_[place].get() == &job) view.place = static_cast<int>(place);
    // What it stood counts nowhere: rates and times left are of work.
    const auto now = std::chrono::steady_clock::now();
    const auto stage = now - std::chrono::duration_cast<Hold::Clock::duration>(
                                 std::chrono::duration<double>(view.progress.seconds_in_stage));
    view.progress.seconds_in_stage -= job.hold->seconds_since(stage);
    if (job.state == JobState::running)
        view.seconds = seconds_between(job.started, now) - job.hold->seconds_since(job.started);
    else if (job.state != JobState::waiting)
        view.seconds = seconds_between(job.started, job.stopped) - job.hold->seconds_since(job.started);
    return view;
}

std::vector<JobView> JobRunner::jobs() const {
    const std::lock_guard lock(mutex_);
    std::vector<JobView> views;
    views.reserve(jobs_.size());
    for (const auto& job : jobs_) views.push_back(view(*job));
    return views;
}

bool JobRunner::busy() const {
    const std::lock_guard lock(mutex_);
    return !running_.empty() || !waiting_.empty() || undelivered_ > 0;
}

bool JobRunner::moving() const {
    const std::lock_guard lock(mutex_);
    return undelivered_ > 0 || (running_.empty() ? !waiting_.empty() : !running_.front()->hold->held());
}

} // namespace graticule
