// The table of commands. A command is one file: it declares its options on a CLI11 subcommand and hands back what to
// do once the line is parsed. Adding one is a file and a row in commands.cpp
// or, for one that needs no LibTorch, commands_without_torch.cpp.
#pragma once

#include <functional>
#include <span>
#include <string_view>

namespace CLI {
class App;
}

namespace graticule::cli {

class Console;

using Action = std::function<void(Console&)>;

struct Command {
    std::string_view name;
    std::string_view group; ///< heading in the help
    std::string_view help;  ///< one line
    Action (*declare)(CLI::App& options);
};

/// What runs without LibTorch: reading models and texts, and lists.
[[nodiscard]] std::span<const Command> commands_without_torch();
/// These and all others.
[[nodiscard]] std::span<const Command> all_commands();

Action declare_info(CLI::App&);
Action declare_tokenize(CLI::App&);
Action declare_logits(CLI::App&);
Action declare_calibrate(CLI::App&);
Action declare_quantize(CLI::App&);
Action declare_eval(CLI::App&);
Action declare_compare(CLI::App&);
Action declare_task(CLI::App&);
Action declare_generate(CLI::App&);
Action declare_sensitivity(CLI::App&);
Action declare_search(CLI::App&);
Action declare_slac(CLI::App&);
Action declare_speed(CLI::App&);
Action declare_export(CLI::App&);
Action declare_run(CLI::App&);
Action declare_formats(CLI::App&);
Action declare_methods(CLI::App&);
Action declare_presets(CLI::App&);
Action declare_families(CLI::App&);
Action declare_exporters(CLI::App&);
Action declare_selftest(CLI::App&);
Action declare_worker(CLI::App&);

} // namespace graticule::cli
