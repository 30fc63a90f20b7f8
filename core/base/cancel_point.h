// Where work that is handed no JobContext (tokenizers, parsers: functions of their arguments) lets itself be stopped
// all the same: the thread's job is asked. Without one nothing happens.
//
//     const CancelScope scope(ctx);        // once, by whoever runs a job on this thread
//     ...; cancel_point();                 // deep inside, every few milliseconds of work
#pragma once

namespace graticule {

struct JobContext;

/// The job that this thread works on, for as long as the scope lives. Scopes nest.
class CancelScope {
public:
    explicit CancelScope(const JobContext& job);
    explicit CancelScope(const JobContext* job); ///< null: none
    ~CancelScope();
    CancelScope(const CancelScope&) = delete;
    CancelScope& operator=(const CancelScope&) = delete;

private:
    const JobContext* outer_;
};

/// The job of this thread, for the workers it starts; null: none.
[[nodiscard]] const JobContext* current_job();

/// What JobContext::check_cancelled throws, for the job of this thread.
void cancel_point();

} // namespace graticule
