#include "app/cli/program.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "app/cli/console.h"
#include "core/base/cancel_point.h"
#include "core/base/device_name.h"

namespace graticule::cli {
namespace {

int fail(Console& console, const ErrorInfo& error) {
    console.fail(error);
    return exit_code(error.kind);
}

int run(const Action& action, ErrorReader read_error, Console& console) {
    const CancelScope scope(console.job());
    try {
        check_device_name(console.job().device); // also for commands that compute nothing
        action(console);
        console.end_progress();
        return 0;
    } catch (const Cancelled&) {
        console.end_progress();
        console.cancelled();
        return exit_code_cancelled;
    } catch (...) {
        return fail(console, read_error());
    }
}

/// CLI11 only says that a subcommand is missing when the word is none of them.
std::string unknown_command(std::span<const Command> commands, std::string_view word) {
    if (word.empty() || find_command(commands, word) != nullptr) return {};
    std::string names;
    for (const Command& command : commands) names += (names.empty() ? "" : ", ") + std::string(command.name);
    return "\"" + std::string(word) + "\" is no command; there are: " + names;
}

ErrorInfo usage_error(const CLI::App& app, const CLI::ParseError& error) {
    std::string message = error.what();
    std::replace(message.begin(), message.end(), '\n', ' ');
    const auto chosen = app.get_subcommands();
    const std::string name = chosen.empty() ? std::string() : " " + chosen.front()->get_name();
    return {ErrorKind::usage, message + " (see graticule-cli" + name + " --help)", {}};
}

template <class Value>
std::vector<std::string> list_of(std::span<const ExecutionName<Value>> rows) {
    std::vector<std::string> names;
    for (const auto& row : rows) names.emplace_back(row.name);
    return names;
}

template <class Value>
std::string names_of(std::span<const ExecutionName<Value>> rows) {
    std::string text;
    for (const auto& row : rows) text += (text.empty() ? "" : ", ") + std::string(row.name);
    return text;
}

/// The options of every command, before or after its name; as a paragraph of each command's help.
std::string declare_shared(CLI::App& app, ConsoleOptions& options) {
    const std::vector<const CLI::Option*> shared{
        app.add_flag("--json", options.json, "Print one JSON value instead of tables"),
        app.add_flag("-q,--quiet", options.quiet, "No progress and no notes on stderr"),
        app.add_option("--device", options.device, "cpu, cuda or cuda:N")->capture_default_str()->type_name("DEVICE"),
        app.add_option("--precision", options.precision,
                       "Type of the products: " + names_of(compute_names()) +
                           "; auto: float32 on a CPU, the model's own 16 bits on a GPU")
            ->check(CLI::IsMember(list_of(compute_names())))
            ->capture_default_str()
            ->type_name("TYPE"),
        app.add_option("--arithmetic", options.arithmetic,
                       "Products of quantized linears: " + names_of(arithmetic_names()))
            ->check(CLI::IsMember(list_of(arithmetic_names())))
            ->capture_default_str()
            ->type_name("KIND"),
        app.add_option("--weight-budget", options.weight_budget,
                       "Bytes of weights that stay on the device while evaluating; the rest is loaded as it is needed. "
                       "Without it as many as fit; results do not depend on it")
            ->check(CLI::Range(std::int64_t{0}, std::numeric_limits<std::int64_t>::max()))
            ->type_name("BYTES")};
    return CLI::Formatter().make_group("Options of every command", false, shared).substr(1); // without the empty line
}

int run_line(std::span<const Command> commands, ErrorReader read_error, int argc, char** argv) {
    // A file-size limit then fails the write like a full disk, instead of killing the program half-way.
    std::signal(SIGXFSZ, SIG_IGN);
    ConsoleOptions options;
    CLI::App app("Explore what quantization does to a language model: look, quantize, evaluate, compare, export.",
                 "graticule-cli");
    app.set_version_flag("--version", std::string("graticule-cli ") + GRATICULE_VERSION);
    app.require_subcommand(1);
    app.fallthrough();
    const std::string shared = declare_shared(app, options);

    std::vector<std::pair<CLI::App*, Action>> actions;
    for (const Command& command : commands) {
        CLI::App* sub = app.add_subcommand(std::string(command.name), std::string(command.help));
        sub->group(std::string(command.group));
        sub->fallthrough();
        sub->footer(shared);
        actions.emplace_back(sub, command.declare(*sub));
    }
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& help) { // --help, --version
        std::ostringstream text;
        app.exit(help, text, text);
        Console console(ConsoleOptions{}); // that writes what the console writes fails as every result does
        return run([&](Console& to) { to.print(text.str()); }, read_error, console);
    } catch (const CLI::ParseError& error) {
        // Options after the mistake may not have been read: --json counts wherever it stands.
        options.json = std::any_of(argv + 1, argv + argc, [](std::string_view word) { return word == "--json"; });
        Console console(options);
        const std::string unknown = unknown_command(commands, command_word(argc, argv));
        return fail(console, unknown.empty() ? usage_error(app, error) : ErrorInfo{ErrorKind::usage, unknown, {}});
    }
    Console console(options);
    for (const auto& [sub, action] : actions)
        if (sub->parsed()) return run(action, read_error, console);
    return exit_code(ErrorKind::usage);
}

} // namespace

const Command* find_command(std::span<const Command> commands, std::string_view name) {
    const auto found =
        std::find_if(commands.begin(), commands.end(), [&](const Command& row) { return row.name == name; });
    return found == commands.end() ? nullptr : &*found;
}

std::string_view command_word(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i];
        if (word == "--device" || word == "--precision" || word == "--arithmetic" || word == "--weight-budget")
            ++i; // take a value
        if (!word.starts_with('-')) return word;
    }
    return {};
}

int run_program(std::span<const Command> commands, ErrorReader read_error, int argc, char** argv) {
    try {
        return run_line(commands, read_error, argc, argv);
    } catch (...) { // so little memory that there is no console to tell it
        const ErrorInfo error = read_error();
        std::fprintf(stderr, "error: %s\n", error.text().c_str());
        return exit_code(error.kind);
    }
}

} // namespace graticule::cli
