// eval: perplexity of a model, or of a recipe on it; how far a recipe's predictions are from the model's own.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "app/cli/command.h"
#include "app/cli/console.h"
#include "app/cli/inputs.h"
#include "app/cli/show.h"
#include "app/cli/table.h"
#include "core/engine/workbench.h"
#include "core/io/output_file.h"
#include "core/report/html_report.h"
#include "core/report/json_results.h"
#include "core/result/passages.h"

namespace graticule::cli {
namespace {

struct Args {
    ModelInput model;
    TextInput text;
    WindowInput window;
    CalibrationInput calibration;
    TargetInput as;
    std::string recipe, metric = "perplexity", html;
};

void eval_command(const Args& args, Console& console) {
    const bool diverges = args.metric == "divergence";
    if (diverges && args.recipe.empty())
        throw Error(ErrorKind::usage, "--metric divergence compares a recipe with the model as it is; give --recipe");
    if (!diverges && !args.html.empty())
        throw Error(ErrorKind::usage, "--html is a page about divergence; give --metric divergence");
    // What needs no model is read first: a wrong recipe or text must not cost a model's opening.
    const Corpus corpus = args.text.load(console);
    std::optional<Recipe> recipe;
    if (!args.recipe.empty()) recipe = read_recipe_with(args.recipe, args.calibration, console);
    Workbench work;
    work.adopt(args.model.open(console));
    work.serve_as(args.as.target());
    console.files().writes("--html", args.html);
    (void)work.tokenizer();
    EvaluationSpec spec = args.window.spec(*work.model());
    std::shared_ptr<const Evaluation> evaluation, baseline;
    std::optional<Divergence> divergence;
    std::vector<Passage> worst;
    if (diverges) {
        spec.predictions = true;
        spec.likely = likely_shown;
        const auto sides = work.compare(std::span(&*recipe, 1), true, corpus, spec, console.job());
        baseline = sides[0].evaluation;
        evaluation = sides[1].evaluation;
        divergence = divergence_between(*baseline, *evaluation);
    } else {
        if (recipe) work.quantize(*recipe, false, console.job());
        evaluation = work.evaluate(recipe.has_value(), corpus, spec, console.job());
    }
    nlohmann::json value = to_json(*evaluation, Timing::include);
    if (divergence) {
        value["metric"] = args.metric;
        value["divergence"] = to_json(*divergence);
        worst = worst_passages(*baseline, *evaluation, work.tokenizer());
        for (const Passage& passage : worst) value["divergence"]["worst_passages"].push_back(to_json(passage));
        value["baseline"] = to_json(*baseline, Timing::include);
    }
    value["stored_quantization"] = stored_json(*work.model());
    if (recipe) {
        const ModelSize size = work.quantized()->size();
        value["bits_per_weight"] = size.bits_per_weight.actual;
        value["ideal_bits_per_weight"] = size.bits_per_weight.ideal;
        value["bytes_before"] = work.quantized()->bytes_before();
        value["bytes_after"] = size.bytes;
    }
    console.print_json(value);
    console.print(evaluation_text(*evaluation) + (divergence ? "\n" + divergence_text(*divergence) + "\n" : "") +
                  (recipe ? totals_line(*work.quantized()) + "\n" : "") + stored_text(*work.model()));
    if (divergence && !args.html.empty()) { // after the figures, which need no disk
        atomic_write_file(args.html, divergence_html(*evaluation, *divergence, worst));
        console.files().wrote(args.html);
    }
}

} // namespace

Action declare_eval(CLI::App& options) {
    auto args = std::make_shared<Args>();
    args->model.declare(options);
    args->text.declare(options);
    args->window.declare(options);
    args->window.declare_protocol(options);
    not_empty(options.add_option("--recipe", args->recipe,
                                 "Quantize first: a file, a preset or a line; without it full precision"),
              "leave --recipe out for full precision")
        ->type_name("RECIPE");
    options
        .add_option("--metric", args->metric,
                    "perplexity; or divergence, which also runs the model as it is beside the recipe and tells how "
                    "far apart their predictions are, token by token")
        ->check(CLI::IsMember({"perplexity", "divergence"}))
        ->capture_default_str()
        ->type_name("METRIC");
    not_empty(options.add_option("--html", args->html,
                                 "With --metric divergence: a page with the text's worst passages, token by token"),
              "leave --html out for no page")
        ->type_name("FILE");
    args->as.declare(options,
                     "With --recipe: round the inputs as this program does with the exported model (FP8 or not at "
                     "all instead of INT8, say), so that the figure is the one to expect there; export "
                     "--check tells what each does");
    options.get_option("--as")->needs(options.get_option("--recipe"));
    args->calibration.declare(options);
    CalibrationInput::only_with_recipe(options);
    return [args](Console& console) { eval_command(*args, console); };
}

} // namespace graticule::cli
