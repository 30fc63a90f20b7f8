#include "app/cli/console.h"

#include <csignal>
#include <cstdio>
#include <ctime>
#include <mutex>
#include <nlohmann/json.hpp>
#include <sys/ioctl.h>
#include <thread>
#include <unistd.h>

#include "app/cli/table.h"
#include "core/base/error_word.h"

namespace graticule::cli {
namespace {

void write_all(std::FILE* stream, const std::string& text) {
    if (std::fwrite(text.data(), 1, text.size(), stream) != text.size() || std::fflush(stream) != 0) {
        if (stream == stderr) return; // nowhere left to say so
        throw Error(ErrorKind::bad_input, "standard output: writing the result failed; is the disk full?");
    }
}

/// Names and texts from files reach messages and tables; what would steer the terminal is shown instead of done.
std::string shown_plainly(const std::string& text) {
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0U;
        const bool of_two = byte == 0xC2 && next >= 0x80 && next < 0xA0; // U+0080 to U+009F in UTF-8
        if (!of_two && (byte >= 0x20 || byte == '\n' || byte == '\t') && byte != 0x7F) {
            plain += text[i];
            continue;
        }
        char escape[8];
        std::snprintf(escape, sizeof escape, "\\u%04x", of_two ? next : byte);
        plain += escape;
        i += of_two ? 1 : 0;
    }
    return plain;
}

/// A terminal that goes is a request as well. What the caller had ignored stays so: nohup, and "&" of a script.
sigset_t stop_signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
        struct sigaction now = {};
        if (::sigaction(signal, nullptr, &now) == 0 && now.sa_handler != SIG_IGN) sigaddset(&set, signal);
    }
    return set;
}

std::size_t terminal_columns() {
    winsize size{};
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

} // namespace

/// One thread does both: it waits for Ctrl+C with a time-out and draws the progress at each time-out. The signals are
/// blocked everywhere, so nothing runs in signal context and no global is needed.
class Console::ProgressDisplay {
public:
    ProgressDisplay(JobContext& job, bool quiet)
        : job_(job)
        , quiet_(quiet)
        , terminal_(isatty(STDERR_FILENO) == 1) {
        const sigset_t signals = stop_signals();
        pthread_sigmask(SIG_BLOCK, &signals, nullptr);
        thread_ = std::jthread([this](const std::stop_token& stop) { loop(stop); });
    }

    void line(const std::string& text) {
        const std::lock_guard lock(mutex_);
        clear();
        write_all(stderr, shown_plainly(text) + '\n');
    }

    void finish() {
        const std::lock_guard lock(mutex_);
        clear();
        finished_ = true;
    }

private:
    void loop(const std::stop_token& stop) {
        const sigset_t signals = stop_signals();
        const timespec tenth{0, 100'000'000};
        bool asked = false;
        while (!stop.stop_requested()) {
            if (const int signal = sigtimedwait(&signals, nullptr, &tenth); signal > 0) {
                if (asked && signal == SIGHUP) continue; // kernel and shell both tell of a terminal that goes
                if (asked) _exit(exit_code_cancelled);   // the second Ctrl+C does not wait for anything
                asked = true;
                job_.cancel.request();
                if (!quiet_) line("stopping (Ctrl+C again to quit at once)");
            } else if (!quiet_) {
                const std::lock_guard lock(mutex_);
                if (!finished_) terminal_ ? draw_bar() : print_step();
            }
        }
    }

    static std::string eta_text(const Progress::Snapshot& now) {
        const std::int64_t made = now.done - now.before;
        if (now.total <= 0 || made <= 0 || now.seconds_in_stage < 0.5) return {};
        const double left =
            now.seconds_in_stage * static_cast<double>(now.total - now.done) / static_cast<double>(made);
        return ", " + duration_text(left) + " left";
    }

    void draw_bar() {
        const Progress::Snapshot now = job_.progress.snapshot();
        if (now.stage.empty() || now.seconds_in_stage < 0.3) return;
        std::string text = now.stage;
        if (now.total > 0) {
            constexpr int width = 24;
            const auto filled = static_cast<int>(width * std::min(now.done, now.total) / now.total);
            text += " [";
            for (int i = 0; i < width; ++i) text += i < filled ? '#' : '.';
            text += "] " + std::to_string(now.done) + "/" + std::to_string(now.total) + eta_text(now);
        }
        text.resize(std::min(text.size(), terminal_columns() - 1));
        write_all(stderr, "\r\x1b[K" + text);
        drawn_ = true;
    }

    /// Not a terminal: a line when a stage begins, then at most one every ten seconds.
    void print_step() {
        const Progress::Snapshot now = job_.progress.snapshot();
        if (now.stage.empty()) return;
        const bool new_stage = now.stage != last_stage_;
        const auto tick = static_cast<int>(now.seconds_in_stage / 10);
        if (!new_stage && tick <= last_tick_) return;
        last_stage_ = now.stage;
        last_tick_ = tick;
        std::string text = now.stage;
        if (now.total > 0) text += " " + std::to_string(now.done) + "/" + std::to_string(now.total) + eta_text(now);
        write_all(stderr, text + '\n');
    }

    void clear() {
        if (drawn_) write_all(stderr, "\r\x1b[K");
        drawn_ = false;
    }

    JobContext& job_;
    bool quiet_, terminal_;
    std::mutex mutex_; // guards what follows and the order of writes to stderr
    bool drawn_ = false, finished_ = false;
    std::string last_stage_;
    int last_tick_ = 0;
    std::jthread thread_;
};

Console::Console(const ConsoleOptions& options)
    : options_(options)
    , files_([this](const std::string& line) { note(line); }) {
    files_.writes_to_stream("standard output", STDOUT_FILENO);
    job_.device = options.device;
    job_.weight_budget = options.weight_budget;
    job_.execution = {parse_compute(options.precision), parse_arithmetic(options.arithmetic)};
    display_ = std::make_unique<ProgressDisplay>(job_, options.quiet);
    job_.log = [this](const std::string& line) { note(line); };
}

Console::~Console() = default;

void Console::end_progress() { display_->finish(); }

void Console::print(const std::string& text) {
    if (options_.json) return;
    verify_mappings();
    end_progress();
    write_all(stdout, shown_plainly(text));
}

void Console::print_json(const nlohmann::json& value) {
    if (!options_.json) return;
    verify_mappings();
    print_json_text(value);
}

void Console::print_json_text(const nlohmann::json& value) {
    end_progress();
    // Bytes that are no UTF-8 (a file name, say) must not turn a result into a failure.
    write_all(stdout, value.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + '\n');
    json_printed_ = true;
}

void Console::note(const std::string& line) {
    if (!options_.quiet) display_->line(line);
}

void Console::cancelled() {
    end_progress();
    std::string written;
    for (const std::filesystem::path& file : files_.written()) written += (written.empty() ? "" : ", ") + file.string();
    std::string message = "cancelled";
    if (!written.empty()) message += "; written before that: " + written;
    if (!stays_.empty()) message += "; " + stays_;
    if (written.empty() && stays_.empty()) message += "; nothing was left behind";
    const bool as_json = options_.json && !json_printed_;
    if (as_json)
        print_json_text(
            {{"error", {{"kind", "cancelled"}, {"message", message}, {"context", nlohmann::json::array()}}}});
    if (!as_json) note(message);
}

void Console::fail(const ErrorInfo& error) {
    end_progress();
    if (options_.json && !json_printed_) { // one document: behind a result an error is told as without --json
        try {
            return print_json_text(
                {{"error",
                  {{"kind", error_word(error.kind)}, {"message", error.message}, {"context", error.context}}}});
        } catch (const Error&) { // what failed may be the very stream that this was for
        }
    }
    write_all(stderr, "error: " + shown_plainly(error.text()) + '\n');
}

} // namespace graticule::cli
