// Runs the engine's verbs one after another on one thread of its own, which alone touches Torch and the GPU. Results,
// partial results and failures come back as calls on the thread the runner lives on (the GUI's).
//
//     runner.submit<ActivationStats>({.tag = "calibrate", .title = "Calibrate"},
//         [=](JobContext& ctx) { return calibrate(*model, *tokenizer, spec, ctx); },
//         [this](std::shared_ptr<const ActivationStats> stats) { ... });
//
// Jobs that can be done in one go say so (JobRequest::together): those that wait at the same moment become one pass of
// one work, each with its own end and its own cancel.
#pragma once

#include <QtCore/QObject>
#include <QtCore/QString>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "core/base/job_context.h"
#include "widgets/models/job_state.h"

namespace graticule {

enum class JobId : int {};

struct JobRequest {
    /// A waiting job with the same tag that no other waits for is replaced by the new one; empty: never replaced.
    QString tag;
    QString title;                 ///< for the job list
    std::vector<JobId> after = {}; ///< when one of them does not end well, this one is skipped
    double tokens = 0;             ///< that the whole job goes through; 0: not a job over tokens
    std::string device = "cpu";
    Execution execution = {};
    /// Waiting jobs with the same key, device and execution are done in one go, once what any of them waits for is
    /// done; empty: on its own.
    QString together = {};
    /// Reads only files that it opens itself: that those which are open were cut short is no concern of it.
    bool new_files = false;
    QString opens = {}; ///< what it opens, as it is called on the screen; empty: nothing
};

/// A job as the GUI thread sees it; a copy, taken at any time.
struct JobView {
    JobId id{};
    QString tag, title, opens;
    JobState state = JobState::waiting;
    Progress::Snapshot progress;
    double seconds = 0; ///< running, or all in all
    double tokens = 0;
    std::string device;
    bool stopping = false;
    bool held = false; ///< stands, or is about to, until it is let go
    int place = -1;    ///< in the queue of those that wait, 0 is next
    ErrorInfo error;   ///< of a failed one, or of one that stands for want of a card's memory
    QString note;      ///< what became of it, where that is not what the title says
};

class JobRunner final : public QObject {
    Q_OBJECT
public:
    using Result = std::shared_ptr<const void>;
    using Work = std::function<Result(JobContext&)>;
    /// One job's part of a pass.
    struct Share {
        std::shared_ptr<const void> part; ///< as submitted
        const CancelToken& cancel;        ///< this job goes no further when a stop of it is due
        Result result = nullptr;          ///< null at the end: it was stopped
    };
    using JointWork = std::function<void(std::span<Share>, JobContext&)>;
    using Done = std::function<void(Result)>;

    explicit JobRunner(QObject* parent = nullptr);
    ~JobRunner() override; ///< stops what runs, drops what waits, joins

    JobId submitAny(JobRequest request, Work work, Done done, std::function<void(const JobView&)> ended = {});

    /// `work` must be one and the same for all requests with one key: that of the first is called with the shares of
    /// all. When it fails, each job is done again on its own, and fails or not.
    template <class T, class Part>
    JobId submitTogether(JobRequest request, std::shared_ptr<const Part> part, JointWork work,
                         std::function<void(std::shared_ptr<const T>)> done,
                         std::function<void(const JobView&)> ended = {}) {
        return add(
            std::move(request), std::move(part), std::move(work),
            [done = std::move(done)](Result result) {
                if (done) done(std::static_pointer_cast<const T>(result));
            },
            std::move(ended));
    }

    template <class T, class Function>
    JobId submit(JobRequest request, Function work, std::function<void(std::shared_ptr<const T>)> done,
                 std::function<void(const JobView&)> ended = {}) {
        return submitAny(
            std::move(request), [work = std::move(work)](JobContext& ctx) -> Result { return work(ctx); },
            [done = std::move(done)](Result result) {
                if (done) done(std::static_pointer_cast<const T>(result));
            },
            std::move(ended));
    }

    /// Asks the job to stop at its next step; a waiting one ends at once.
    void cancel(JobId id);
    void cancelAll(const QString& spared_tag = {}); ///< but the jobs of that tag, if it is not empty
    /// Lets a running job stand at its next step, and go on from there; all others wait behind it.
    void hold(JobId id, bool held);
    /// A job whose card has too little memory stands instead of failing, and tries again when it is let go: somebody is
    /// there to make room, or to send it elsewhere.
    void standForMemory(bool stands) { stands_for_memory_ = stands; }
    /// Lets a job that stands so try again on another device.
    void tryOn(JobId id, const std::string& device);
    /// Says of a job that it did not do what its title says: no rate is of it.
    void note(JobId id, const QString& note);
    /// Queues a waiting job before another waiting one, or last where `before` is none. What it needs goes with it:
    /// no job comes before one whose results it takes.
    void move(JobId id, JobId before);
    /// Runs `call` on the runner's thread as long as the runner lives: how partial results leave a job.
    void post(std::function<void()> call);

    [[nodiscard]] std::vector<JobView> jobs() const; ///< in the order of submission
    [[nodiscard]] bool busy() const;                 ///< until the last result has been delivered
    [[nodiscard]] bool moving() const;               ///< busy, and not held
    [[nodiscard]] std::thread::id engineThread() const { return thread_.get_id(); }

Q_SIGNALS:
    void changed(); ///< a job was added, moved, held, began or ended (progress is polled through jobs())
    void ended(JobId id);
    void logged(const QString& line);
    void shortOfMemory(JobId id, const QString& title, const QString& why); ///< it stands

private:
    static constexpr std::size_t most_together = 8; // each has states and results of its own in memory
    struct Job;
    using Jobs = std::vector<std::shared_ptr<Job>>;
    JobId add(JobRequest request, std::shared_ptr<const void> part, JointWork work, Done done,
              std::function<void(const JobView&)> ended);
    void prepare(JobContext& context, const JobRequest& request);
    void loop(std::stop_token stop);
    void run(const Jobs& pass, JobContext& context);
    /// Returns when it was let go; false: it does not stand for this.
    bool standFor(const ErrorInfo& error, const std::shared_ptr<Job>& job);
    void queueAlone(const Jobs& pass);
    [[nodiscard]] Jobs takeNext(); // out of waiting_; mutex_ held, as in the next four
    [[nodiscard]] Jobs withThoseTogether(const std::shared_ptr<Job>& first) const; // of waiting_
    [[nodiscard]] bool isAwaited(JobId id) const;                                  // by a waiting job
    [[nodiscard]] bool prerequisitesHold(const Job& job) const;
    [[nodiscard]] bool awaits(const Job& job, const Job& other) const; // both waiting, perhaps by way of others
    void finish(const std::shared_ptr<Job>& job, JobState state, Result result, ErrorInfo error);
    [[nodiscard]] JobView view(const Job& job) const; // mutex_ held

    mutable std::mutex mutex_; // guards jobs_, waiting_, undelivered_ and every Job's state
    std::condition_variable_any wake_;
    Jobs jobs_;
    std::deque<std::shared_ptr<Job>> waiting_;
    Jobs running_; ///< the pass under way, without those that were cancelled
    std::atomic<bool> stands_for_memory_ = false;
    int last_id_ = 0;
    int undelivered_ = 0; ///< ended, but the GUI thread has not been told
    std::jthread thread_; // last: starts when everything above is there, joined first
};

} // namespace graticule
