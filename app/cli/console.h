// What a command talks to: results on stdout (a table for people, or exactly one JSON value), progress and notes on
// stderr, and the job context whose cancel token Ctrl+C pulls.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "core/base/error.h"
#include "core/base/job_context.h"
#include "core/engine/job_files.h"

namespace graticule::cli {

struct ConsoleOptions {
    bool json = false;
    bool quiet = false; ///< no progress, no notes
    std::string device = "cpu";
    std::int64_t weight_budget = -1;
    std::string precision = "auto";
    std::string arithmetic = "simulated";
};

class Console {
public:
    explicit Console(const ConsoleOptions& options);
    ~Console(); ///< ends the progress display
    Console(const Console&) = delete;
    Console& operator=(const Console&) = delete;

    [[nodiscard]] bool json() const { return options_.json; }
    [[nodiscard]] JobContext& job() { return job_; }
    [[nodiscard]] JobFiles& files() { return files_; } ///< each command declares what it reads and writes

    /// Results: both throw Error{bad_input} when a file that they come from was cut short meanwhile.
    void print(const std::string& text);          ///< stdout, for people; nothing in JSON mode
    void print_json(const nlohmann::json& value); ///< stdout; nothing outside JSON mode
    void note(const std::string& line);           ///< stderr, unless quiet
    void fail(const ErrorInfo& error); ///< the one message of a failure, in the mode's form; behind a result on stderr
    void cancelled();                  ///< the same for a stop the user asked for
    /// Of what is cancelled something stays where no file of this command is: "its windows stay on gpu-host".
    void stays(std::string what) { stays_ = std::move(what); }
    void end_progress(); ///< clears the bar; called before anything is printed

private:
    class ProgressDisplay;
    void print_json_text(const nlohmann::json& value);

    ConsoleOptions options_;
    std::string stays_;
    bool json_printed_ = false; ///< standard output holds one document at most
    JobContext job_;
    JobFiles files_;
    std::unique_ptr<ProgressDisplay> display_;
};

} // namespace graticule::cli
