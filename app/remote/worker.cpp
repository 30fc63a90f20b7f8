#include "app/remote/worker.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <sys/stat.h>
#include <utility>

#include "app/remote/job_folder.h"
#include "app/remote/line_reader.h"
#include "app/remote/messages.h"
#include "core/base/cut_short.h"
#include "core/base/host_name.h"
#include "core/base/provenance.h"
#include "core/runtime/device.h"
#include "core/runtime/torch_error.h"

namespace graticule {

using nlohmann::json;
using std::chrono::milliseconds;

namespace {

/// What a job has said and will say, line by line.
class Followed {
public:
    Followed(JobFolder folder, std::int64_t run, std::int64_t from)
        : folder_(std::move(folder))
        , run_(run)
        , file_(::open(folder_.events(run).c_str(), O_RDONLY | O_CLOEXEC))
        , lines_(file_.get(), answer_limits.bytes, folder_.events(run).string())
        , skipped_(from) {
        if (!file_.is_open())
            throw Error(ErrorKind::bad_input, folder_.events(run).string() + ": " + std::strerror(errno));
    }

    [[nodiscard]] const JobFolder& folder() const { return folder_; }

    /// Nothing: there is none yet, or none any more.
    std::optional<std::string> next() {
        while (auto line = lines_.next(milliseconds(0))) {
            last_ = *line;
            if (skipped_-- <= 0) return line;
        }
        lines_.look_again();
        return std::nullopt;
    }
    /// Its process is there, and not that of a later run.
    [[nodiscard]] bool alive() const { return folder_.alive() && folder_.run() == run_; }
    /// Whether the job said so, whatever it was.
    [[nodiscard]] bool came_to_its_end() {
        if (last_.empty()) return ended_; // no line since
        const json line = json::parse(std::exchange(last_, {}), nullptr, false);
        const std::string event = line.is_object() ? line.value("event", std::string()) : std::string();
        return ended_ = event == "done" || event == "failed" || event == "cancelled";
    }

private:
    JobFolder folder_;
    std::int64_t run_;
    Descriptor file_;
    LineReader lines_;
    std::int64_t skipped_;
    std::string last_; ///< line, as long as nobody has looked whether it is the end
    bool ended_ = false;
};

/// The end of what a process wrote on stderr, in one line.
std::string last_words(const std::filesystem::path& log) {
    constexpr std::size_t longest = 300;
    const Descriptor file(::open(log.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat about {};
    if (!file.is_open() || ::fstat(file.get(), &about) != 0) return {};
    std::string text(longest, '\0');
    const ssize_t got =
        ::pread(file.get(), text.data(), text.size(), std::max<off_t>(0, about.st_size - off_t(longest)));
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text.substr(text.rfind('\n') + 1);
}

class Worker {
public:
    Worker(int out, std::filesystem::path store)
        : out_(::fcntl(out, F_DUPFD_CLOEXEC, 0))
        , store_(std::move(store)) {}

    /// False: whoever listened is gone.
    [[nodiscard]] bool answer(const std::string& line) {
        return do_or_refuse([&] {
            const json asked = parse_json(line, "what was asked", asked_limits);
            const std::string what = text_member(asked, "ask", "what was asked");
            for (const auto& [name, act] : asks)
                if (name == what) return (this->*act)(asked);
            std::string names;
            for (const auto& [name, act] : asks) names += (names.empty() ? "" : ", ") + std::string(name);
            throw Error(ErrorKind::bad_input,
                        "what was asked: there is no " + cut_short(what) + "; there are " + names);
        });
    }

    /// Starts what was ordered, as soon as the process of a stopped run of it is gone.
    [[nodiscard]] bool start_ordered() {
        if (!ordered_) return true;
        return do_or_refuse([this] {
            const EvaluationOrder order = *std::exchange(ordered_, std::nullopt);
            const auto started = start_job(store_, order);
            if (!started) {
                ordered_ = order;
                return true;
            }
            follow(started->job, started->run, 0);
            return send(
                {{"event", "started"}, {"job", started->job}, {"run", started->run}, {"state", started->state}});
        });
    }

    /// What the job that is followed has said since.
    [[nodiscard]] bool send_news() {
        if (!followed_) return true;
        const bool alive = followed_->alive(); // asked first: what it says at its end is read below
        while (const auto line = followed_->next())
            if (!send_line(*line)) return false;
        if (alive && !followed_->came_to_its_end()) return true;
        const std::string job = followed_->folder().id(), said = last_words(followed_->folder().log());
        const bool died = !followed_->came_to_its_end();
        followed_.reset();
        return !died || send({{"event", "died"},
                              {"job", job},
                              {"message", "the process on " + host_name() + " is gone before its end" +
                                              (said.empty() ? "; it was killed, or the machine was restarted"
                                                            : "; the last it wrote: " + said)}});
    }

    [[nodiscard]] bool send_alive() {
        return std::chrono::steady_clock::now() - sent_ < between_alive || send({{"event", "alive"}});
    }

    [[nodiscard]] bool has_work() const { return followed_ || ordered_; }

private:
    template <class Act>
    bool do_or_refuse(const Act& act) {
        try {
            return act();
        } catch (const Cancelled&) {
            throw;
        } catch (...) {
            return send({{"event", "refused"}, {"error", to_json(current_error())}});
        }
    }

    bool hello(const json& asked) {
        const auto spoken = number_member(asked, "protocol", 0, INT32_MAX, "hello");
        if (spoken != worker_protocol)
            throw Error(ErrorKind::unsupported,
                        "the worker on " + host_name() + " (version " GRATICULE_VERSION ") speaks protocol " +
                            std::to_string(worker_protocol) + ", not " + std::to_string(spoken) +
                            "; install the same version of Graticule on both machines");
        json versions = json::object(), devices = json::array();
        for (const auto& [name, version] : current_versions()) versions[name] = version;
        versions["libtorch"] = torch_version();
        for (const DeviceRow& row : list_devices())
            devices.push_back({{"name", row.name}, {"label", row.label}, {"problem", row.problem}});
        return send({{"event", "hello"},
                     {"protocol", worker_protocol},
                     {"host", host_name()},
                     {"versions", versions},
                     {"devices", devices}});
    }

    bool start(const json& asked) {
        ordered_ = read_order(member(asked, "order", "start"));
        followed_.reset();
        return true; // answered by start_ordered
    }

    bool attach(const json& asked) {
        const JobFolder folder = folder_of(asked, "attach");
        const std::int64_t run = folder.run();
        // Of another run nothing is known there yet.
        std::int64_t from = number_member(asked, "from", 0, INT64_MAX, "attach");
        if (number_member(asked, "run", 0, INT64_MAX, "attach") != run) from = 0;
        ordered_.reset();
        follow(folder.id(), run, from);
        return send({{"event", "attached"}, {"job", folder.id()}, {"run", run}, {"from", from}});
    }

    bool cancel(const json& asked) {
        const JobFolder folder = folder_of(asked, "cancel");
        if (!Descriptor(::open(folder.stop().c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)).is_open())
            throw Error(ErrorKind::bad_input, folder.stop().string() + ": " + std::strerror(errno));
        return send({{"event", "cancelling"}, {"job", folder.id()}});
    }

    [[nodiscard]] JobFolder folder_of(const json& asked, const char* where) const {
        JobFolder folder(store_, hash_member(asked, "job", where));
        if (folder.run() == 0)
            throw Error(ErrorKind::bad_input, std::string(where) + ": there is no job " + folder.id() + " on " +
                                                  host_name() + " any more; start it again");
        return folder;
    }

    void follow(const std::string& job, std::int64_t run, std::int64_t from) {
        followed_.reset();
        followed_.emplace(JobFolder(store_, job), run, from);
    }

    bool send(const json& message) { return send_line(line_of(message)); }

    bool send_line(std::string line) {
        line += '\n';
        sent_ = std::chrono::steady_clock::now();
        return write_next(out_, std::as_bytes(std::span(line.data(), line.size()))) == 0;
    }

    using Ask = std::pair<std::string_view, bool (Worker::*)(const json&)>;
    static const std::array<Ask, 4> asks;

    Descriptor out_;
    std::filesystem::path store_;
    std::optional<EvaluationOrder> ordered_; ///< and not started yet
    std::optional<Followed> followed_;
    std::chrono::steady_clock::time_point sent_ = std::chrono::steady_clock::now();
};

const std::array<Worker::Ask, 4> Worker::asks{Ask{"hello", &Worker::hello}, Ask{"start", &Worker::start},
                                              Ask{"attach", &Worker::attach}, Ask{"cancel", &Worker::cancel}};

} // namespace

void serve_jobs(int in, int out, const std::filesystem::path& store, JobContext& ctx) {
    ::signal(SIGCHLD, SIG_IGN); // nobody waits for the jobs' processes
    ::signal(SIGPIPE, SIG_IGN); // a listener that is gone is an error of writing, and the end
    Worker worker(out, store);
    LineReader lines(in, asked_limits.bytes, "standard input");
    while (true) {
        ctx.check_cancelled();
        bool heard = true;
        if (const auto line = lines.next(milliseconds(worker.has_work() ? 100 : 500)))
            heard = worker.answer(*line);
        else if (lines.ended())
            return;
        if (!heard || !worker.start_ordered() || !worker.send_news() || !worker.send_alive()) return;
    }
}

} // namespace graticule
