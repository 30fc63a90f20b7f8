// sensitivity: which linears suffer from which scheme, predicted from gradients and measured one by one.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "app/cli/command.h"
#include "app/cli/console.h"
#include "app/cli/inputs.h"
#include "app/cli/show.h"
#include "app/cli/table.h"
#include "core/engine/measure_sensitivity.h"
#include "core/engine/workbench.h"
#include "core/report/json_results.h"

namespace graticule::cli {
namespace {

struct Args {
    ModelInput model;
    TextInput text;
    WindowInput window;
    CalibrationInput calibration;
    std::vector<std::string> schemes;
    std::int64_t measure = -1, draws = 5; ///< within the time of ten evaluations
    bool fused = false;
};

std::string sensitivity_text(const Sensitivity& sensitivity) {
    std::string text;
    for (const SchemeSensitivity& scheme : sensitivity.schemes) {
        Table table({{scheme.scheme_line},
                     {"predicted, nats", Align::right},
                     {"measured, nats", Align::right},
                     {"95 % interval", Align::right}});
        for (const std::size_t i : scheme.worst_first()) {
            const LayerSensitivity& layer = scheme.layers[i];
            table.add({layer.name, significant(layer.predicted, 4),
                       layer.measured ? significant(*layer.measured, 4) : std::string("-"),
                       layer.measured ? interval_text(layer.measured_interval, 6) : std::string("-")});
        }
        const std::optional<double> correlation = scheme.rank_correlation();
        text += table.text() +
                "rank correlation of the two: " + (correlation ? fixed(*correlation, 3) : std::string("n/a")) + "\n\n";
    }
    return text +
           "nats per token, each row quantized alone; predicted: half the squared error in the metric of the Fisher "
           "information, " +
           std::to_string(sensitivity.draws) + " draws a window\n" + sensitivity.protocol.text() + ", " +
           sensitivity.provenance.data_name + "; predicted in " + duration_text(sensitivity.prediction_seconds) +
           ", measured in " + duration_text(sensitivity.measuring_seconds) + "\n";
}

void sensitivity_command(const Args& args, Console& console) {
    const Corpus corpus = args.text.load(console);
    std::vector<Recipe> recipes;
    for (const std::string& scheme : args.schemes)
        recipes.push_back(read_recipe_with(scheme, args.calibration, console));
    Workbench work;
    work.adopt(args.model.open(console));
    (void)work.tokenizer();
    std::vector<std::shared_ptr<const QuantizedModel>> schemes;
    for (const Recipe& recipe : recipes) (void)work.resolve(recipe); // all before the first long work
    for (const Recipe& recipe : recipes) schemes.push_back(work.quantize(recipe, false, console.job()));
    const auto sensitivity = measure_sensitivity(
        work.model(), schemes, work.tokenizer(), corpus,
        {args.window.spec(*work.model()), args.measure, args.draws, args.fused ? Grouping::fused : Grouping::single},
        console.job());
    console.print_json(to_json(*sensitivity, Timing::include));
    console.print(sensitivity_text(*sensitivity));
}

} // namespace

Action declare_sensitivity(CLI::App& options) {
    auto args = std::make_shared<Args>();
    args->model.declare(options);
    options.add_option("--schemes", args->schemes, "Lines, presets or files; each is tried on every linear alone")
        ->required()
        ->expected(1, 64)
        ->type_name("RECIPE");
    options
        .add_option("--measure", args->measure,
                    "Measure so many linears per scheme, those with the largest prediction; 0: predict only; without "
                    "it all of them")
        ->check(CLI::Range(0, 100000000))
        ->type_name("N");
    declare_draws(options, args->draws);
    options.add_flag("--fused", args->fused,
                     "By the groups that serving programs store as one (q, k and v; gate and up; all experts of a "
                     "block), each quantized together");
    args->text.declare(options);
    args->window.declare(options);
    args->calibration.declare(options);
    return [args](Console& console) { sensitivity_command(*args, console); };
}

} // namespace graticule::cli
