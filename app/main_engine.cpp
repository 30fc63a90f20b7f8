// graticule-engine: every command, with LibTorch. People call graticule-cli, which becomes this program where it has
// to.
#include "app/cli/program.h"
#include "core/runtime/host_threads.h"
#include "core/runtime/torch_error.h"

int main(int argc, char** argv) {
    graticule::let_workers_sleep(argv);
    return graticule::cli::run_program(graticule::cli::all_commands(), graticule::current_error, argc, argv);
}
