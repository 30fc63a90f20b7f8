// A program of commands: parses the line, runs one command, maps what went wrong to an exit code (core/base/error.h).
#pragma once

#include <span>
#include <string_view>

#include "app/cli/command.h"
#include "core/base/error.h"

namespace graticule::cli {

/// Called inside the program's one catch block: current_error or plain_error.
using ErrorReader = ErrorInfo (*)();

/// Exit code of the whole program.
[[nodiscard]] int run_program(std::span<const Command> commands, ErrorReader read_error, int argc, char** argv);

/// The first word of the line that is no option and no option's value; empty: there is none.
[[nodiscard]] std::string_view command_word(int argc, char** argv);
/// Null: no such command.
[[nodiscard]] const Command* find_command(std::span<const Command> commands, std::string_view name);

} // namespace graticule::cli
