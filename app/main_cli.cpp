// graticule-cli. LibTorch takes a third of a second to load, and reading a model's header a few milliseconds. So this
// program is without it and runs what needs none; for every other command it becomes graticule-engine, which has them
// all. One process, one command line, one set of exit codes: nothing tells the two apart but the time.
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>
#include <unistd.h>

#include "app/cli/console.h"
#include "app/cli/program.h"
#include "core/base/plain_error.h"

int main(int argc, char** argv) {
    using namespace graticule;
    using namespace graticule::cli;
    if (find_command(commands_without_torch(), command_word(argc, argv)) != nullptr)
        return run_program(commands_without_torch(), plain_error, argc, argv);
    // What let_workers_sleep() would start the engine a second time for.
    if (std::getenv("OMP_WAIT_POLICY") == nullptr) (void)::setenv("GOMP_SPINCOUNT", "1000", 0);
    std::error_code unknown;
    const auto engine = std::filesystem::read_symlink("/proc/self/exe", unknown).parent_path() / "graticule-engine";
    ::execv(engine.c_str(), argv); // returns only where that failed
    const std::string why = std::error_code(errno, std::system_category()).message();
    Console console{ConsoleOptions{}};
    console.fail({ErrorKind::internal, engine.string() + ": " + why + "; it belongs beside graticule-cli", {}});
    return exit_code(ErrorKind::internal);
}
