// A worker that was started by a command, and the two streams to it.
//
//     WorkerConnection worker("ssh gpu-host graticule-cli worker", ctx);
//     worker.send({{"ask", "start"}, ...}, ctx);
//     while (const auto message = worker.next(200ms, ctx)) ...
#pragma once

#include <chrono>
#include <exception>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <utility>
#include <vector>

#include "app/remote/line_reader.h"
#include "core/base/job_context.h"
#include "core/io/descriptor.h"
#include "core/runtime/device.h"

namespace graticule {

/// The other side is gone, or does not answer. What it was doing may go on.
class ConnectionLost final : public std::exception {
public:
    explicit ConnectionLost(std::string why)
        : why_(std::move(why)) {}
    [[nodiscard]] const char* what() const noexcept override { return why_.c_str(); }

private:
    std::string why_;
};

/// What a worker says of itself.
struct WorkerHello {
    std::string host;
    std::vector<std::pair<std::string, std::string>> versions;
    std::vector<DeviceRow> devices;
};

class WorkerConnection {
public:
    /// Runs `command` by the shell and waits for the worker's greeting; what comes before it (a shell's own words) is
    /// passed over. Throws ConnectionLost where none comes, with what the command said, Error{unsupported} for a worker
    /// of another protocol, Cancelled.
    WorkerConnection(const std::string& command, const JobContext& ctx);
    /// Its streams end, and then it; after a second it is ended, with what it runs in its session (a shell stays around
    /// what it runs).
    ~WorkerConnection();
    WorkerConnection(const WorkerConnection&) = delete;
    WorkerConnection& operator=(const WorkerConnection&) = delete;

    [[nodiscard]] const WorkerHello& hello() const { return hello_; }
    /// Throw ConnectionLost, also where nothing was heard for long, and Cancelled.
    void send(const nlohmann::json& message, const JobContext& ctx);
    /// What it says next; nothing: not within that time.
    [[nodiscard]] std::optional<nlohmann::json> next(std::chrono::milliseconds patience, const JobContext& ctx);
    /// The answer to what was sent, by the name of its event; what comes before it is passed over. Throws the Error
    /// that it is refused with, ConnectionLost, Cancelled.
    [[nodiscard]] nlohmann::json answer(std::string_view event, const JobContext& ctx);

private:
    void start();
    void greet(const JobContext& ctx);
    void hear_errors();
    [[nodiscard]] bool silent() const; ///< for long
    void stop() noexcept;
    [[noreturn]] void lose();

    std::string command_;
    Descriptor in_, out_, err_; ///< of the other side
    std::optional<LineReader> lines_;
    pid_t process_ = 0;
    std::string errors_; ///< the end of what it wrote on stderr
    WorkerHello hello_;
    std::chrono::steady_clock::time_point heard_;
};

} // namespace graticule
