// quantize: what a recipe costs each layer.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "app/cli/command.h"
#include "app/cli/console.h"
#include "app/cli/inputs.h"
#include "app/cli/show.h"
#include "core/engine/workspace.h"
#include "core/export/json_results.h"
#include "core/export/report.h"
#include "core/io/output_file.h"

namespace graticule::cli {
namespace {

struct Args {
    ModelInput model;
    CalibrationInput calibration;
    std::string recipe, csv;
    bool weights_only = false;
};

void quantize_command(const Args& args, Console& console) {
    const Recipe recipe = read_recipe_with(args.recipe, args.calibration);
    Workspace work;
    work.adopt(args.model.open(console));
    const auto quantized = work.quantize(recipe, !args.weights_only, console.job());
    if (!args.csv.empty()) atomic_write_file(args.csv, layers_csv(*quantized));
    console.print_json(to_json(*quantized, Timing::include));
    console.print(layers_text(*quantized));
}

} // namespace

Action declare_quantize(CLI::App& options) {
    auto args = std::make_shared<Args>();
    args->model.declare(options);
    options.add_option("--recipe", args->recipe, "A file, a preset or a line such as \"w=int4/asym/g128\"")
        ->required()
        ->type_name("RECIPE");
    options.add_flag("--weights-only", args->weights_only,
                     "Do not calibrate unless the recipe needs it: no output errors in the table");
    options.add_option("--csv", args->csv, "Also write the layers as CSV")->type_name("FILE");
    args->calibration.declare(options);
    return [args](Console& console) { quantize_command(*args, console); };
}

} // namespace graticule::cli
