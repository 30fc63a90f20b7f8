#include "app/remote/worker_connection.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "app/remote/messages.h"
#include "core/base/cut_short.h"

namespace graticule {

using nlohmann::json;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds step{100}; // between looks at whether to stop

[[noreturn]] void fail(const char* what) {
    throw Error(ErrorKind::internal, std::string("starting a worker: ") + what + ": " + std::strerror(errno));
}

/// A process and those that it started in this session, as a shell those of its line. Jobs have sessions of their own.
void end_all(pid_t process, pid_t session) {
    const std::string number = std::to_string(process);
    std::ifstream list("/proc/" + number + "/task/" + number + "/children");
    std::vector<pid_t> children;
    for (pid_t child = 0; list >> child;) children.push_back(child);
    ::kill(process, SIGKILL);
    for (const pid_t child : children)
        if (::getsid(child) == session) end_all(child, session);
}

} // namespace

WorkerConnection::WorkerConnection(const std::string& command, const JobContext& ctx)
    : command_(command) {
    start();
    try {
        greet(ctx);
    } catch (...) {
        stop();
        throw;
    }
}

WorkerConnection::~WorkerConnection() { stop(); }

// A socket to write to, because a pipe whose reader is gone would end this program by a signal.
void WorkerConnection::start() {
    int to[2], from[2], errors[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, to) != 0) fail("socketpair");
    in_ = Descriptor(to[0]);
    const Descriptor their_in(to[1]);
    if (::pipe2(from, O_CLOEXEC) != 0) fail("pipe");
    out_ = Descriptor(from[0]);
    const Descriptor their_out(from[1]);
    if (::pipe2(errors, O_CLOEXEC) != 0) fail("pipe");
    err_ = Descriptor(errors[0]);
    const Descriptor their_err(errors[1]);
    ::fcntl(err_.get(), F_SETFL, O_NONBLOCK);

    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    if (posix_spawn_file_actions_init(&files) != 0 || posix_spawnattr_init(&attributes) != 0) fail("posix_spawn");
    posix_spawn_file_actions_adddup2(&files, their_in.get(), STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, their_out.get(), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, their_err.get(), STDERR_FILENO);
    // Ctrl+C is for this program, which asks the job to stop; the terminal stays there for who asks for a password.
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGINT);
    posix_spawnattr_setsigmask(&attributes, &blocked);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    std::string shell = "/bin/sh", option = "-c", line = command_;
    const std::array<char*, 4> words{shell.data(), option.data(), line.data(), nullptr};
    const int code = ::posix_spawn(&process_, shell.c_str(), &files, &attributes, words.data(), environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    if (code != 0) {
        process_ = 0;
        errno = code;
        fail("posix_spawn");
    }
    lines_.emplace(out_.get(), answer_limits.bytes, "the worker");
    heard_ = std::chrono::steady_clock::now();
}

void WorkerConnection::hear_errors() {
    constexpr std::size_t kept = 2000;
    std::array<char, 4096> part;
    for (int reads = 0; reads < 64; ++reads) { // it may write faster than this reads
        const ssize_t got = ::read(err_.get(), part.data(), part.size());
        if (got <= 0) return;
        errors_.append(part.data(), static_cast<std::size_t>(got));
        if (errors_.size() > kept) errors_.erase(0, errors_.size() - kept);
    }
}

bool WorkerConnection::silent() const {
    return std::chrono::steady_clock::now() - std::max(heard_, lines_->heard()) > silence_is_loss;
}

void WorkerConnection::lose() {
    std::string why = "the connection by \"" + command_ + "\" is lost";
    int status = 0;
    for (int i = 0; i < 20 && process_ > 0; ++i) { // its streams end a moment before it does
        if (::waitpid(process_, &status, WNOHANG) == process_) {
            process_ = 0;
            if (WIFEXITED(status)) why += ": it ended with exit code " + std::to_string(WEXITSTATUS(status));
            if (WIFSIGNALED(status)) why += ": signal " + std::to_string(WTERMSIG(status)) + " ended it";
            break;
        }
        std::this_thread::sleep_for(milliseconds(5));
    }
    hear_errors();
    errors_.erase(errors_.find_last_not_of("\r\n") + 1); // ssh's lines end in both
    std::string said = errors_.substr(errors_.rfind('\n') + 1);
    if (!said.empty()) why += ": " + said;
    throw ConnectionLost(why);
}

void WorkerConnection::greet(const JobContext& ctx) {
    constexpr int most_other_lines = 1000;
    const std::string asked = line_of({{"ask", "hello"}, {"protocol", worker_protocol}}) + '\n';
    if (::send(in_.get(), asked.data(), asked.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(asked.size())) lose();
    std::string before;
    for (int others = 0; others < most_other_lines;) {
        ctx.check_cancelled();
        hear_errors();
        const auto line = lines_->next(step);
        if (!line && lines_->ended()) lose();
        if (!line && std::chrono::steady_clock::now() - heard_ > 2 * silence_is_loss)
            throw ConnectionLost("\"" + command_ + "\" does not answer as a worker" +
                                 (before.empty() ? std::string() : "; it says " + cut_short(before)));
        if (!line) continue;
        const json message = json::parse(*line, nullptr, false);
        if (!message.is_object() || !message.contains("event")) {
            before = *line;
            ++others;
            continue;
        }
        const std::string where = "the worker's greeting";
        const std::string event = text_member(message, "event", where);
        if (event == "refused") throw_as_told(read_error(member(message, "error", where)));
        if (event != "hello") throw Error(ErrorKind::unsupported, where + " is " + cut_short(message));
        if (const auto spoken = number_member(message, "protocol", 0, INT32_MAX, where); spoken != worker_protocol)
            throw Error(ErrorKind::unsupported, where + " is of protocol " + std::to_string(spoken) + ", not " +
                                                    std::to_string(worker_protocol) +
                                                    "; install the same version of Graticule on both machines");
        hello_.host = text_member(message, "host", where);
        if (const json& versions = member(message, "versions", where); versions.is_object())
            for (const auto& [name, version] : versions.items())
                if (version.is_string()) hello_.versions.emplace_back(name, version.get<std::string>());
        const json& devices = member(message, "devices", where);
        for (const json& row : devices.is_array() ? devices : json::array())
            hello_.devices.push_back({text_member(row, "name", where), text_member(row, "label", where),
                                      text_member(row, "problem", where)});
        heard_ = std::chrono::steady_clock::now();
        return;
    }
    throw ConnectionLost("\"" + command_ + "\" does not answer as a worker; it says " + cut_short(before));
}

void WorkerConnection::send(const json& message, const JobContext& ctx) {
    const std::string line = line_of(message) + '\n';
    if (line.size() > asked_limits.bytes)
        throw Error(ErrorKind::bad_input, "what a worker is asked would have " + std::to_string(line.size()) +
                                              " bytes, and at most " + std::to_string(asked_limits.bytes) +
                                              " are read; take a shorter text");
    for (std::size_t done = 0; done < line.size();) {
        ctx.check_cancelled();
        const ssize_t sent = ::send(in_.get(), line.data() + done, line.size() - done, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) {
            done += static_cast<std::size_t>(sent);
            heard_ = std::chrono::steady_clock::now(); // it takes what it is sent
            continue;
        }
        if (sent < 0 && errno != EAGAIN && errno != EINTR) lose();
        if (silent()) lose();
        pollfd room{in_.get(), POLLOUT, 0};
        (void)::poll(&room, 1, static_cast<int>(step.count()));
    }
}

std::optional<json> WorkerConnection::next(milliseconds patience, const JobContext& ctx) {
    const auto until = std::chrono::steady_clock::now() + patience;
    do {
        ctx.check_cancelled();
        hear_errors();
        const auto line = lines_->next(std::min(patience, step));
        if (line) {
            const std::string where = "what " + hello_.host + " says";
            json message = parse_json(*line, where, answer_limits);
            (void)text_member(message, "event", where);
            return message;
        }
        if (lines_->ended()) lose();
        if (silent())
            throw ConnectionLost("nothing was heard from " + hello_.host + " for " +
                                 std::to_string(silence_is_loss.count()) + " s");
    } while (std::chrono::steady_clock::now() < until);
    return std::nullopt;
}

json WorkerConnection::answer(std::string_view event, const JobContext& ctx) {
    while (true) {
        auto message = next(step, ctx);
        if (!message) continue;
        const std::string said = (*message)["event"].get<std::string>();
        if (said == "refused") throw_as_told(read_error(member(*message, "error", "a refusal")));
        if (said == event) return std::move(*message);
        // Lines of the job that is followed may still be on their way.
    }
}

void WorkerConnection::stop() noexcept {
    (void)in_.close();
    (void)out_.close();
    (void)err_.close();
    for (int i = 0; i < 100 && process_ > 0; ++i) {
        if (::waitpid(process_, nullptr, WNOHANG) == process_) process_ = 0;
        if (process_ > 0) std::this_thread::sleep_for(milliseconds(10));
    }
    if (process_ <= 0) return;
    end_all(process_, ::getsid(process_));
    (void)::waitpid(process_, nullptr, 0);
    process_ = 0;
}

} // namespace graticule
