// worker: evaluations for a window or a command line on another machine.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <unistd.h>

#include "app/cli/command.h"
#include "app/cli/console.h"
#include "app/cli/inputs.h"
#include "app/remote/job_folder.h"
#include "app/remote/worker.h"

namespace graticule::cli {
namespace {

struct Args {
    std::string jobs, job;
};

void worker_command(const Args& args, Console& console) {
    if (!args.job.empty()) {
        const std::filesystem::path folder = args.job;
        console.stays("its windows and the blocks quantized so far stay in " + folder.string());
        return do_job(JobFolder(folder.parent_path(), folder.filename().string()), console.job());
    }
    if (::isatty(STDIN_FILENO) == 1)
        console.note(
            "This is for programs: it reads one JSON object a line. Give the command that starts it, \"ssh host "
            "graticule-cli worker\" say, to eval --worker or to the window's list of devices.");
    serve_jobs(STDIN_FILENO, STDOUT_FILENO, args.jobs.empty() ? default_job_store() : std::filesystem::path(args.jobs),
               console.job());
}

} // namespace

Action declare_worker(CLI::App& options) {
    auto args = std::make_shared<Args>();
    not_empty(options.add_option("--jobs", args->jobs,
                                 "Folder that jobs are kept in, the newest hundred; without it "
                                 "~/.local/state/graticule/worker"),
              "leave --jobs out for the usual folder")
        ->type_name("FOLDER");
    options.add_option("--do", args->job)->group(""); // how it starts a job's own process
    return [args](Console& console) { worker_command(*args, console); };
}

} // namespace graticule::cli
