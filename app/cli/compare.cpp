// compare: several recipes on one model and text, with paired differences.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "app/cli/command.h"
#include "app/cli/console.h"
#include "app/cli/inputs.h"
#include "app/cli/show.h"
#include "app/cli/table.h"
#include "core/engine/workbench.h"
#include "core/report/json_results.h"
#include "core/report/report_text.h"

namespace graticule::cli {
namespace {

using nlohmann::json;

struct Args {
    ModelInput model;
    TextInput text;
    WindowInput window;
    CalibrationInput calibration;
    TargetInput as;
    std::vector<std::string> recipes;
    bool no_full_precision = false;
};

struct RunRow {
    std::shared_ptr<const Evaluation> evaluation;
    StoredBits bits; ///< a weight
    std::int64_t bytes = 0;
};

std::vector<RunRow> run_all(const Args& args, Workbench& work, const std::vector<Recipe>& recipes, const Corpus& corpus,
                            Console& console) {
    std::vector<RunRow> runs;
    for (const auto& [quantized, evaluation] :
         work.compare(recipes, !args.no_full_precision, corpus, args.window.spec(*work.model()), console.job())) {
        if (!quantized) {
            const double bits = stored_bits_per_weight(*work.model());
            runs.push_back({evaluation, {bits, bits}, stored_bytes(*work.model())});
            continue;
        }
        const ModelSize size = quantized->size();
        runs.push_back({evaluation, size.bits_per_weight, size.bytes});
        console.note(evaluation->run_name + ": " + perplexity_text(*evaluation));
    }
    return runs;
}

json runs_json(const std::vector<RunRow>& runs) {
    json all = json::array();
    for (const RunRow& run : runs) {
        json value = to_json(*run.evaluation, Timing::include);
        value["bits_per_weight"] = run.bits.actual;
        value["ideal_bits_per_weight"] = run.bits.ideal;
        value["bytes"] = run.bytes;
        all.push_back(std::move(value));
    }
    // Every pair, so that any run can be the baseline.
    json pairs = json::array();
    for (std::size_t a = 0; a < runs.size(); ++a)
        for (std::size_t b = a + 1; b < runs.size(); ++b) {
            json pair = to_json(compare(*runs[a].evaluation, *runs[b].evaluation));
            pair["baseline"] = a;
            pair["run"] = b;
            pairs.push_back(std::move(pair));
        }
    return {{"runs", all}, {"differences", pairs}};
}

std::string runs_text(const std::vector<RunRow>& runs) {
    Table table({{"run"},
                 {"bits", Align::right},
                 {"model", Align::right},
                 {"perplexity", Align::right},
                 {"difference", Align::right},
                 {"95 % interval", Align::right}});
    for (const RunRow& run : runs) {
        const bool baseline = &run == &runs.front();
        const Comparison comparison = compare(*runs.front().evaluation, *run.evaluation);
        table.add({run.evaluation->run_name, bits_text(run.bits), bytes_text(run.bytes),
                   perplexity_text(*run.evaluation), baseline ? "baseline" : bracketed_difference(comparison),
                   baseline ? "" : interval_text(comparison)});
    }
    std::string text = table.text();
    for (std::size_t b = 2; b < runs.size(); ++b) {
        const Comparison comparison = compare(*runs[b - 1].evaluation, *runs[b].evaluation);
        text += (b == 2 ? "\n" : "") + runs[b].evaluation->run_name + "  against  " + runs[b - 1].evaluation->run_name +
                ":  " + bracketed_difference(comparison) + ",  " + interval_text(comparison) + "\n";
    }
    const Evaluation& first = *runs.front().evaluation;
    return text + "\n" + first.protocol.text() + ", " + first.provenance.data_name +
           "; differences are paired over windows, in brackets where the interval contains 0\n";
}

void compare_command(const Args& args, Console& console) {
    if (args.recipes.size() * (args.as.name.empty() ? 1 : 2) + (args.no_full_precision ? 0 : 1) < 2)
        throw Error(ErrorKind::usage,
                    "there is only one run; give --recipe once more, or leave --no-full-precision out");
    const Corpus corpus = args.text.load(console);
    std::vector<Recipe> recipes;
    for (const std::string& text : args.recipes) recipes.push_back(read_recipe_with(text, args.calibration, console));
    Workbench work;
    work.adopt(args.model.open(console));
    work.serve_as(args.as.target(), true);
    (void)work.tokenizer();
    const std::vector<RunRow> runs = run_all(args, work, recipes, corpus, console);
    json value = runs_json(runs);
    value["stored_quantization"] = stored_json(*work.model());
    console.print_json(value);
    console.print(runs_text(runs) + stored_text(*work.model()));
}

} // namespace

Action declare_compare(CLI::App& options) {
    auto args = std::make_shared<Args>();
    args->model.declare(options);
    args->text.declare(options);
    args->window.declare(options);
    args->window.declare_protocol(options);
    options.add_option("--recipe", args->recipes, "A file, a preset or a line; once a run")
        ->required()
        ->expected(1)
        ->take_all()
        ->type_name("RECIPE");
    options.add_flag("--no-full-precision", args->no_full_precision, "The first recipe is the baseline");
    args->as.declare(options, "Each recipe once more with its inputs rounded as this program does with the exported "
                              "model (see eval --help)");
    args->calibration.declare(options);
    return [args](Console& console) { compare_command(*args, console); };
}

} // namespace graticule::cli
