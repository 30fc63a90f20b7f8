// tokenize: text to ids and back, to check a tokenizer against another program.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "app/cli/command.h"
#include "app/cli/console.h"
#include "app/cli/inputs.h"
#include "app/cli/table.h"
#include "core/io/checkpoint.h"

namespace graticule::cli {
namespace {

struct Args {
    ModelInput model;
    TextInput text;
    std::optional<std::string> words;
    bool no_special = false;
    bool ids_only = false;
    std::int64_t show = 32;
};

/// A tokenizer alone will do: a folder of tokenizer files need not hold a model.
std::shared_ptr<const Tokenizer> open_any_tokenizer(const ModelInput& input) {
    const std::filesystem::path path = input.path();
    std::error_code ignored;
    if (std::filesystem::exists(path, ignored)) return open_tokenizer(path);
    return open_tokenizer(*open_checkpoint(path));
}

/// Control characters would spoil the table.
std::string printable(const std::string& text) {
    std::string shown;
    for (const char c : text) {
        if (c == '\n')
            shown += "\\n";
        else if (c == '\t')
            shown += "\\t";
        else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
            shown += '?';
        else
            shown += c;
    }
    return shown;
}

void tokenize_command(const Args& args, Console& console) {
    const auto tokenizer = open_any_tokenizer(args.model);
    const std::string text = args.words ? *args.words : args.text.load(console).text;
    const std::vector<std::int32_t> ids = tokenizer->encode(text, !args.no_special);
    const std::int64_t sum = std::accumulate(ids.begin(), ids.end(), std::int64_t{0});
    if (console.json())
        return console.print_json({{"tokenizer", tokenizer->description()},
                                   {"count", ids.size()},
                                   {"ids_sum", sum},
                                   {"ids", ids},
                                   {"text", tokenizer->decode(ids)}});
    if (args.ids_only) {
        std::string line;
        for (const std::int32_t id : ids) line += std::to_string(id) + '\n';
        return console.print(line);
    }
    Table table({{"at", Align::right}, {"id", Align::right}, {"token"}});
    const auto shown = std::min<std::int64_t>(args.show, std::ssize(ids));
    for (std::int64_t at = 0; at < shown; ++at) {
        const std::int32_t id = ids[static_cast<std::size_t>(at)];
        table.add({std::to_string(at), std::to_string(id), printable(tokenizer->token_text(id))});
    }
    console.print(tokenizer->description() + "\n" + grouped(std::ssize(ids)) + " tokens from " +
                  bytes_text(std::ssize(text)) + ", sum of ids " + std::to_string(sum) + "\n\n" + table.text() +
                  (shown < std::ssize(ids) ? "... (--show N for more)\n" : ""));
}

} // namespace

Action declare_tokenize(CLI::App& options) {
    auto args = std::make_shared<Args>();
    args->model.declare(options);
    args->text.declare(options);
    options.add_option("--words", args->words, "The text itself, instead of a file")
        ->type_name("TEXT")
        ->excludes(options.get_option("--text"))
        ->excludes(options.get_option("--text-rule"));
    options.add_flag("--no-special", args->no_special, "Without the special tokens that the model's files ask for");
    options.add_flag("--ids", args->ids_only, "Only the ids, one a line");
    options.add_option("--show", args->show, "Tokens in the table")->capture_default_str()->type_name("N");
    return [args](Console& console) { tokenize_command(*args, console); };
}

} // namespace graticule::cli
