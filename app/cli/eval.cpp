// eval: perplexity of a model, or of a recipe on it.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "app/cli/command.h"
#include "app/cli/console.h"
#include "app/cli/inputs.h"
#include "app/cli/show.h"
#include "app/cli/table.h"
#include "core/engine/workbench.h"
#include "core/report/json_results.h"

namespace graticule::cli {
namespace {

struct Args {
    ModelInput model;
    TextInput text;
    WindowInput window;
    CalibrationInput calibration;
    std::string recipe;
};

void eval_command(const Args& args, Console& console) {
    // What needs no model is read first: a wrong recipe or text must not cost a model's opening.
    const Corpus corpus = args.text.load(console);
    std::optional<Recipe> recipe;
    if (!args.recipe.empty()) recipe = read_recipe_with(args.recipe, args.calibration, console);
    Workbench work;
    work.adopt(args.model.open(console));
    (void)work.tokenizer();
    if (recipe) work.quantize(*recipe, false, console.job());
    EvaluationSpec spec = args.window.spec(*work.model());
    spec.run_name = recipe ? summary_line(*recipe) : unquantized_name(*work.model());
    const auto evaluation = work.evaluate(recipe.has_value(), corpus, spec, console.job());
    nlohmann::json value = to_json(*evaluation, Timing::include);
    value["stored_quantization"] = stored_json(*work.model());
    if (recipe) {
        const ModelSize size = work.quantized()->size();
        value["bits_per_weight"] = size.bits_per_weight.actual;
        value["ideal_bits_per_weight"] = size.bits_per_weight.ideal;
        value["bytes_before"] = work.quantized()->bytes_before();
        value["bytes_after"] = size.bytes;
    }
    console.print_json(value);
    console.print(evaluation_text(*evaluation) + (recipe ? totals_line(*work.quantized()) + "\n" : "") +
                  stored_text(*work.model()));
}

} // namespace

Action declare_eval(CLI::App& options) {
    auto args = std::make_shared<Args>();
    args->model.declare(options);
    args->text.declare(options);
    args->window.declare(options);
    not_empty(options.add_option("--recipe", args->recipe,
                                 "Quantize first: a file, a preset or a line; without it full precision"),
              "leave --recipe out for full precision")
        ->type_name("RECIPE");
    args->calibration.declare(options);
    CalibrationInput::only_with_recipe(options);
    return [args](Console& console) { eval_command(*args, console); };
}

} // namespace graticule::cli
