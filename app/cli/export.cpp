// export: quantize and write the model for other programs.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "app/cli/command.h"
#include "app/cli/console.h"
#include "app/cli/inputs.h"
#include "app/cli/show.h"
#include "app/cli/table.h"
#include "core/engine/workbench.h"
#include "core/export/staged_dir.h"
#include "core/report/json_results.h"

namespace graticule::cli {
namespace {

using nlohmann::json;

struct Args {
    ModelInput model;
    CalibrationInput calibration;
    std::string recipe, folder, exporter = "compressed-tensors";
    std::int64_t shard_megabytes = 5000;
    bool force = false, check_only = false;
};

json exported_json(const Exported& exported) {
    json files = json::array();
    for (const auto& [name, bytes] : exported.files) files.push_back({{"name", name}, {"bytes", bytes}});
    return {{"folder", exported.folder.string()},
            {"files", files},
            {"bytes", exported.bytes},
            {"notes", to_json(exported.notes)},
            {"targets", to_json(exported.targets)},
            {"reload_check",
             {{"tensors", exported.reload.tensors},
              {"different", exported.reload.different},
              {"largest_relative", exported.reload.largest_relative}}},
            {"moved_aside", exported.moved_aside.string()},
            {"replaced", exported.replaced}};
}

void export_command(const Args& args, Console& console) {
    const Exporter& exporter = exporter_named(args.exporter);
    const Recipe recipe = read_recipe_with(args.recipe, args.calibration, console);
    console.files().writes_folder("--out", args.folder);
    StagedDir::check(args.folder, {.keep_out_of = {}, .force = args.force}); // before the model is opened
    Workbench work;
    work.adopt(args.model.open(console));
    const ExportTarget target{args.folder, args.force};
    ExportOptions options;
    options.shard_bytes = args.shard_megabytes * 1'000'000;
    const ResolvedRecipe resolved = work.resolve(recipe);
    const LayerChoices choices = choices_of(resolved);
    const Diagnostics before = check_export(*work.model(), choices, exporter, target, options);
    if (args.check_only) {
        const std::vector<TargetReport> targets = target_reports(*work.model(), choices, exporter);
        const std::uint64_t bytes = least_export_bytes(*work.model(), choices, exporter);
        console.print_json({{"ok", true},
                            {"least_bytes", bytes},
                            {"recipe_bytes", resolved.size().bytes},
                            {"notes", to_json(before)},
                            {"targets", to_json(targets)}});
        return console.print((before.items.empty() ? "it can be exported as it is\n" : before.text() + "\n") +
                             "in these files at least " + bytes_text(static_cast<std::int64_t>(bytes)) +
                             "; by the recipe's own widths " + bytes_text(resolved.size().bytes) + "\n\n" +
                             targets_text(targets));
    }
    const Exported exported = work.quantize_and_export(recipe, exporter, target, options, console.job()).exported;
    console.files().wrote(exported.folder);
    console.print_json(exported_json(exported));
    console.print(exported_text(exported));
}

} // namespace

Action declare_export(CLI::App& options) {
    auto args = std::make_shared<Args>();
    args->model.declare(options);
    options.add_option("--recipe", args->recipe, "A file, a preset or a line")->required()->type_name("RECIPE");
    options.add_option("--out", args->folder, "Folder to write; it appears whole or not at all")
        ->required()
        ->type_name("FOLDER");
    options.add_option("--exporter", args->exporter, "See: graticule-cli exporters")
        ->capture_default_str()
        ->type_name("NAME");
    options.add_option("--shard-size", args->shard_megabytes, "Megabytes a weight file holds at most")
        ->check(CLI::Range(1, 1000000))
        ->capture_default_str()
        ->type_name("MB");
    options.add_flag("--force", args->force, "Move a folder aside that was not written by this program");
    options.add_flag(
        "--check", args->check_only,
        "Only say what the format holds, and what becomes of it in transformers, vLLM and others by version and "
        "card: as asked, with other inputs, or refused");
    args->calibration.declare(options);
    return [args](Console& console) { export_command(*args, console); };
}

} // namespace graticule::cli
