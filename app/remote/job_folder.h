// Where a worker keeps a job: what was asked, what it has said, and a lock that its process holds for as long as it
// lives. Whoever asks finds it there, whatever became of the connection, the worker or the process.
//
//     const JobStarted started = start_job(store, order);
//     const JobFolder job(store, started.job);
//     read_events(job.events(started.run), ...) ... job.alive()
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "app/remote/evaluation_order.h"
#include "app/remote/job_events.h"

namespace graticule {

class JobFolder {
public:
    /// `id` must be 64 hexadecimal digits (messages.h): it becomes a name.
    JobFolder(const std::filesystem::path& store, std::string id)
        : id_(std::move(id))
        , path_(store / id_) {}

    [[nodiscard]] const std::string& id() const { return id_; }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    [[nodiscard]] std::filesystem::path order() const { return path_ / "order.json"; }
    [[nodiscard]] std::filesystem::path lock() const { return path_ / "lock"; }
    [[nodiscard]] std::filesystem::path log() const { return path_ / "log"; }   ///< what its process writes on stderr
    [[nodiscard]] std::filesystem::path stop() const { return path_ / "stop"; } ///< there: it is to stop
    [[nodiscard]] std::filesystem::path events(std::int64_t run) const {
        return path_ / ("events." + std::to_string(run));
    }
    [[nodiscard]] std::int64_t run() const; ///< the newest; 0: it was never started
    [[nodiscard]] bool alive() const;       ///< its process is there, or one is being started

private:
    std::string id_;
    std::filesystem::path path_;
};

/// What has become of an order.
struct JobStarted {
    std::string job;
    std::int64_t run = 0;
    std::string state; ///< "new", "running" (already), "done" (before)
};

/// ~/.local/state/graticule/worker, or where XDG_STATE_HOME says. Throws Error{usage} where there is no such place.
[[nodiscard]] std::filesystem::path default_job_store();

/// A job of the same order that runs or is done is that job; one that failed, was cancelled or whose process died
/// begins again, and goes on behind the windows that it had. Nothing: it was asked to stop or has failed, but its
/// process is still there; ask again in a moment. Its process has a session of its own: it outlives the worker and the
/// connection. Jobs are started one at a time in a store, under a lock. The newest hundred are kept. Throws
/// Error{bad_input} naming the folder.
[[nodiscard]] std::optional<JobStarted> start_job(const std::filesystem::path& store, const EvaluationOrder& order);

/// What that process does: the order in `folder`, told into its events. Failing and being cancelled are told there as
/// well, then thrown.
void do_job(const JobFolder& folder, JobContext& ctx);

} // namespace graticule
