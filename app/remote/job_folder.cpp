#include "app/remote/job_folder.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <spawn.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "app/remote/messages.h"
#include "core/io/file_lock.h"
#include "core/io/output_file.h"

namespace graticule {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t most_jobs = 100;

[[noreturn]] void fail(const fs::path& path, int code) {
    throw Error(ErrorKind::bad_input, path.string() + ": " + std::strerror(code) +
                                          "; the worker keeps its jobs there, --jobs names another folder");
}

void make_private_folder(const fs::path& path) {
    std::error_code problem;
    fs::create_directories(path.parent_path(), problem);
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) fail(path, errno);
}

/// That file, made where it is not there, with a lock on it; nothing: others have it all that time.
std::optional<Descriptor> locked(const fs::path& path, std::chrono::milliseconds patience) {
    Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file.is_open()) fail(path, errno);
    const auto end = std::chrono::steady_clock::now() + patience;
    while (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) fail(path, errno);
        if (std::chrono::steady_clock::now() >= end) return std::nullopt;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return file;
}

/// Removes the oldest jobs beyond the bound, but none whose process is there, and nothing that is no job's folder.
void thin_out(const fs::path& store) {
    std::vector<std::pair<fs::file_time_type, std::string>> jobs;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(store, ignored))
        if (const std::string name = entry.path().filename().string();
            is_hash(name) && fs::is_regular_file(fs::symlink_status(JobFolder(store, name).lock(), ignored)))
            jobs.emplace_back(entry.last_write_time(ignored), name);
    if (jobs.size() <= most_jobs) return;
    std::ranges::sort(jobs, std::greater());
    for (auto job = jobs.begin() + most_jobs; job != jobs.end(); ++job) {
        const JobFolder folder(store, job->second);
        const Descriptor lock(::open(folder.lock().c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
        if (lock.is_open() && ::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) fs::remove_all(folder.path(), ignored);
    }
}

/// This program again, as the process of that job. `lock` is handed on to it: the job is alive from now on.
void spawn(const JobFolder& folder, int lock) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    if (posix_spawn_file_actions_init(&files) != 0 || posix_spawnattr_init(&attributes) != 0)
        fail(folder.path(), ENOMEM);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, folder.log().c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    sigset_t none, usual;
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGCHLD); // as the worker has them not
    sigaddset(&usual, SIGPIPE);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    ::fcntl(lock, F_SETFD, 0);
    std::string name = "graticule-engine", command = "worker", quiet = "-q", option = "--do",
                path = fs::absolute(folder.path()).string();
    const std::array<char*, 6> words{name.data(), command.data(), quiet.data(), option.data(), path.data(), nullptr};
    pid_t process = 0;
    const int code = ::posix_spawn(&process, "/proc/self/exe", &files, &attributes, words.data(), environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    if (code != 0) fail(folder.path(), code);
}

} // namespace

std::int64_t JobFolder::run() const {
    std::int64_t newest = 0;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(path_, ignored)) {
        const std::string name = entry.path().filename().string();
        std::int64_t run = 0;
        if (!name.starts_with("events.")) continue;
        std::from_chars(name.data() + 7, name.data() + name.size(), run);
        newest = std::max(newest, run);
    }
    return newest;
}

bool JobFolder::alive() const { return is_held(lock()); }

fs::path default_job_store() {
    for (const auto& [variable, below] : {std::pair("XDG_STATE_HOME", ""), std::pair("HOME", ".local/state")})
        if (const char* folder = std::getenv(variable); folder != nullptr && *folder == '/')
            return fs::path(folder) / below / "graticule" / "worker";
    throw Error(ErrorKind::usage, "neither XDG_STATE_HOME nor HOME names a folder to keep jobs in; give --jobs FOLDER");
}

std::optional<JobStarted> start_job(const fs::path& store, const EvaluationOrder& order) {
    make_private_folder(store);
    // Who starts jobs or removes them does so alone: a job's own lock is its process's, or for a moment a looker's.
    const auto turn = locked(store / "lock", std::chrono::seconds(20));
    if (!turn)
        throw Error(ErrorKind::bad_input, (store / "lock").string() + ": other workers start jobs there all the time; "
                                                                      "try again, --jobs names another folder");
    const JobFolder folder(store, order_id(order));
    make_private_folder(folder.path());
    const auto lock = locked(folder.lock(), std::chrono::milliseconds(50));
    const std::int64_t before = folder.run();
    const JobNews::End end =
        before > 0 ? read_events(folder.events(before), folder.id(), before).end() : JobNews::End::none;
    if (end == JobNews::End::done) return JobStarted{folder.id(), before, "done"};
    std::error_code ignored;
    if (!lock) {
        const bool goes_on = before > 0 && end == JobNews::End::none && !fs::exists(folder.stop(), ignored);
        return goes_on ? std::optional(JobStarted{folder.id(), before, "running"}) : std::nullopt;
    }
    fs::remove(folder.stop(), ignored);
    atomic_write_file(folder.order(), line_of(to_json(order)));
    const std::int64_t run = before + 1;
    if (!Descriptor(::open(folder.events(run).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)).is_open())
        fail(folder.events(run), errno);
    try {
        spawn(folder, lock->get());
    } catch (...) {
        fs::remove(folder.events(run), ignored);
        throw;
    }
    thin_out(store);
    return JobStarted{folder.id(), run, "new"};
}

} // namespace graticule
