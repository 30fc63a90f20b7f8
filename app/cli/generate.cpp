// generate: a prompt continued by a model, and beside it under a recipe.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "app/cli/command.h"
#include "app/cli/console.h"
#include "app/cli/inputs.h"
#include "app/cli/show.h"
#include "app/cli/table.h"
#include "core/engine/continue_prompt.h"
#include "core/engine/workbench.h"

namespace graticule::cli {
namespace {

using nlohmann::json;

struct Args {
    ModelInput model;
    CalibrationInput calibration;
    std::string prompt, recipe;
    std::int64_t tokens = 32;
};

json to_json(const Continuation& continuation) {
    const double rate = continuation.tokens_per_second();
    return {{"run", continuation.run_name},
            {"tokens", continuation.tokens},
            {"text", continuation.text},
            {"seconds", continuation.seconds},
            {"tokens_per_second", rate > 0 ? json(rate) : json(nullptr)}};
}

/// Up to the parting as it is, then a mark.
std::string marked(const Continuation& continuation, const std::optional<std::size_t>& parting,
                   const Tokenizer& tokenizer) {
    const auto place = parting ? text_before(continuation, *parting, tokenizer) : std::nullopt;
    return place ? continuation.text.substr(0, *place) + " >>>" + continuation.text.substr(*place) : continuation.text;
}

void generate_command(const Args& args, Console& console) {
    std::optional<Recipe> recipe;
    if (!args.recipe.empty()) recipe = read_recipe_with(args.recipe, args.calibration, console);
    Workbench work;
    work.adopt(args.model.open(console));
    std::vector<EvaluationSide> sides(1);
    (void)prompt_tokens(*work.model(), work.tokenizer(), args.prompt, args.tokens); // before the recipe's long work
    if (recipe) sides.push_back({work.quantize(*recipe, false, console.job()), {}});
    const auto runs = continue_prompt(work.model(), sides, work.tokenizer(), args.prompt, args.tokens, console.job());
    json value = {{"prompt", args.prompt}, {"continuations", json::array()}};
    std::optional<std::size_t> parting;
    if (runs.size() == 2) {
        parting = first_parting(runs[0], runs[1]);
        value["first_parting"] = parting ? json(*parting) : json(nullptr);
    }
    std::string text;
    for (const Continuation& run : runs) {
        value["continuations"].push_back(to_json(run));
        text += (text.empty() ? "" : "\n") + run.run_name + ", " + fixed(run.tokens_per_second(), 1) + " tokens/s:\n" +
                args.prompt + marked(run, parting, work.tokenizer()) + "\n";
    }
    if (runs.size() == 2)
        text += parting ? "\nthey part at token " + std::to_string(*parting + 1) + ", where >>> stands\n"
                        : "\nthe same tokens\n";
    if (runs.size() == 2)
        text +=
            console.job().execution.arithmetic == Arithmetic::integer
                ? "the recipe's speed is of integer products where there are kernels; 'speed' measures passes alone\n"
                : "the recipe's speed is of simulated rounding; 'speed' measures kernels for few bits\n";
    console.print_json(value);
    console.print(text);
}

} // namespace

Action declare_generate(CLI::App& options) {
    auto args = std::make_shared<Args>();
    args->model.declare(options);
    options.add_option("--prompt", args->prompt, "The text to go on from")
        ->required()
        ->check([](const std::string& value) { // blanks are a text
            return value.empty() ? std::string("the value is empty; give a text to go on from") : std::string();
        })
        ->type_name("TEXT");
    options.add_option("--tokens", args->tokens, "How many tokens, each the most likely one")
        ->check(CLI::Range(1, 1048576))
        ->capture_default_str()
        ->type_name("N");
    not_empty(options.add_option("--recipe", args->recipe, "A file, a preset or a line: also go on under it"),
              "leave --recipe out for the model as it is")
        ->type_name("RECIPE");
    args->calibration.declare(options);
    CalibrationInput::only_with_recipe(options);
    return [args](Console& console) { generate_command(*args, console); };
}

} // namespace graticule::cli
