// graticule-cli. LibTorch takes a third of a second to load, and reading a model's header a few milliseconds. So this
// program is without it and runs what needs none; for every other command it becomes graticule-engine, which has them
// all. One process, one command line, one set of exit codes: nothing tells the two apart but the time.
#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>
#include <unistd.h>

#include "app/cli/console.h"
#include "app/cli/program.h"
#include "core/base/plain_error.h"
#include "core/runtime/host_threads.h"

int main(int argc, char** argv) {
    using namespace graticule;
    using namespace graticule::cli;
    if (find_command(commands_without_torch(), command_word(argc, argv)) != nullptr)
        return run_program(commands_without_torch(), plain_error, argc, argv);
    shorten_spinning(); // the engine would start a second time for it
    std::error_code unknown;
    const auto engine = std::filesystem::read_symlink("/proc/self/exe", unknown).parent_path() / "graticule-engine";
    ::execv(engine.c_str(), argv); // returns only where that failed
    const std::string why = std::error_code(errno, std::system_category()).message();
    Console console{ConsoleOptions{}};
    console.fail({ErrorKind::internal, engine.string() + ": " + why + "; it belongs beside graticule-cli", {}});
    return exit_code(ErrorKind::internal);
}
