// eval: perplexity of a model, or of a recipe on it; how far a recipe's predictions are from the model's own.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "app/cli/command.h"
#include "app/cli/console.h"
#include "app/cli/inputs.h"
#include "app/cli/show.h"
#include "app/cli/table.h"
#include "app/remote/remote_evaluation.h"
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
    std::string worker, worker_model; ///< empty: here
};

struct Outcome {
    std::shared_ptr<const Evaluation> evaluation, baseline;
    std::optional<RemoteSize> size; ///< of a recipe's
    std::string totals;             ///< of that in words
    std::optional<Divergence> divergence;
    std::vector<Passage> worst;
};

Outcome evaluate_here(const Args& args, const std::optional<Recipe>& recipe, const Corpus& corpus, EvaluationSpec spec,
                      Workbench& work, Console& console) {
    Outcome outcome;
    if (args.metric == "divergence") {
        spec.predictions = true;
        spec.likely = likely_shown;
        const auto sides = work.compare(std::span(&*recipe, 1), true, corpus, spec, console.job());
        outcome.baseline = sides[0].evaluation;
        outcome.evaluation = sides[1].evaluation;
        outcome.divergence = divergence_between(*outcome.baseline, *outcome.evaluation);
        outcome.worst = worst_passages(*outcome.baseline, *outcome.evaluation, work.tokenizer());
    } else {
        if (recipe) work.quantize(*recipe, false, console.job());
        outcome.evaluation = work.evaluate(recipe.has_value(), corpus, spec, console.job());
    }
    if (!recipe) return outcome;
    outcome.size = size_of(*work.quantized());
    outcome.totals = totals_line(*work.quantized());
    return outcome;
}

/// The model is opened here for its hash and its settings alone.
Outcome evaluate_there(const Args& args, const std::optional<Recipe>& recipe, const EvaluationSpec& spec,
                       const OpenedModel& opened, Console& console) {
    JobContext& job = console.job();
    const std::string asked = args.model.sample.empty() ? args.model.model : "sample-" + args.model.sample;
    EvaluationOrder order =
        order_for(*opened.model, args.worker_model.empty() ? asked : args.worker_model, job.device, job.execution, job);
    if (recipe) add_recipe(order, *recipe, opened);
    order.served_as = args.as.name;
    order.text = order_text(args.text.path);
    order.text_rule = args.text.rule;
    order.protocol = spec.protocol;
    order.window = spec.window;
    order.max_windows = spec.max_windows;
    console.stays("no file was written on this machine"); // of the other one the log says what stays
    const RemoteEvaluation result = evaluate_on_worker(args.worker, order, job);
    console.stays({});
    Outcome outcome;
    outcome.evaluation = result.evaluation;
    outcome.size = result.size;
    if (const auto& size = result.size)
        outcome.totals = size_text(size->bits_per_weight, size->bytes_before, size->bytes_after);
    return outcome;
}

void eval_command(const Args& args, Console& console) {
    const bool diverges = args.metric == "divergence";
    if (diverges && args.recipe.empty())
        throw Error(ErrorKind::usage, "--metric divergence compares a recipe with the model as it is; give --recipe");
    if (!diverges && !args.html.empty())
        throw Error(ErrorKind::usage, "--html is a page about divergence; give --metric divergence");
    if (diverges && !args.worker.empty())
        throw Error(ErrorKind::usage, "a worker measures perplexity only; leave --metric divergence or --worker out");
    // What needs no model is read first: a wrong recipe or text must not cost a model's opening.
    const Corpus corpus = args.text.load(console);
    std::optional<Recipe> recipe;
    if (!args.recipe.empty()) recipe = read_recipe_with(args.recipe, args.calibration, console);
    const OpenedModel opened = args.model.open(console);
    Workbench work;
    work.adopt(opened);
    work.serve_as(args.as.target());
    console.files().writes("--html", args.html);
    (void)work.tokenizer();
    const EvaluationSpec spec = args.window.spec(*work.model());
    const Outcome outcome = args.worker.empty() ? evaluate_here(args, recipe, corpus, spec, work, console)
                                                : evaluate_there(args, recipe, spec, opened, console);
    nlohmann::json value = to_json(*outcome.evaluation, Timing::include);
    if (outcome.divergence) {
        value["metric"] = args.metric;
        value["divergence"] = to_json(*outcome.divergence);
        for (const Passage& passage : outcome.worst) value["divergence"]["worst_passages"].push_back(to_json(passage));
        value["baseline"] = to_json(*outcome.baseline, Timing::include);
    }
    value["stored_quantization"] = stored_json(*work.model());
    if (outcome.size) value.update(to_json(*outcome.size));
    console.print_json(value);
    console.print(evaluation_text(*outcome.evaluation) +
                  (outcome.divergence ? "\n" + divergence_text(*outcome.divergence) + "\n" : "") +
                  (outcome.totals.empty() ? "" : outcome.totals + "\n") + stored_text(*work.model()));
    if (outcome.divergence && !args.html.empty()) { // after the figures, which need no disk
        atomic_write_file(args.html, divergence_html(*outcome.evaluation, *outcome.divergence, outcome.worst));
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
    not_empty(options.add_option("--worker", args->worker,
                                 "Compute on another machine: the command that starts a worker there, \"ssh host "
                                 "graticule-cli worker\". The device is one of that machine; asking again for the "
                                 "same finds the same job"),
              "leave --worker out to compute here")
        ->type_name("COMMAND");
    not_empty(options.add_option("--worker-model", args->worker_model,
                                 "Where the model lies on that machine; without it MODEL as it is here"),
              "leave --worker-model out for the same path as here")
        ->needs(options.get_option("--worker"))
        ->type_name("PATH");
    return [args](Console& console) { eval_command(*args, console); };
}

} // namespace graticule::cli
