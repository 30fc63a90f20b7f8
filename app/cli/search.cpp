// search: a recipe under a budget of size and perhaps of time, chosen by predicted damage and judged by measurement on
// other text.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <charconv>
#include <cmath>

#include "app/cli/command.h"
#include "app/cli/console.h"
#include "app/cli/inputs.h"
#include "app/cli/show.h"
#include "app/cli/table.h"
#include "core/engine/resources.h"
#include "core/engine/search_recipe.h"
#include "core/io/output_file.h"
#include "core/recipe/recipe_text.h"
#include "core/report/json_results.h"
#include "core/report/report_text.h"

namespace graticule::cli {
namespace {

struct Args {
    ModelInput model;
    TextInput text;
    WindowInput window;
    CalibrationInput calibration;
    std::vector<std::string> candidates;
    std::optional<double> bits, milliseconds;
    std::optional<std::int64_t> time_length, time_batch;
    std::string size, fit_text, out;
    std::int64_t fit_window = 256, fit_windows = 16, draws = 8;
    bool separate = false;
};

/// "4GB", "350 MB", "1.5e9": decimal units, as sizes are printed.
std::int64_t parse_size(const std::string& text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    std::string unit(end, text.data() + text.size());
    std::erase(unit, ' ');
    static constexpr std::pair<std::string_view, double> units[] = {{"", 1},     {"B", 1},    {"kB", 1e3}, {"KB", 1e3},
                                                                    {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}};
    for (const auto& [name, factor] : units)
        if (error == std::errc() && unit == name && value > 0 && value * factor < 9e18)
            return std::int64_t(value * factor);
    throw Error(ErrorKind::usage, "--size " + text + " is no size; write for example 350MB or 4GB");
}

SizeBudget budget_of(const Args& args) {
    if (args.bits.has_value() == !args.size.empty())
        throw Error(ErrorKind::usage, "give the budget as --bits (average bits a weight) or as --size (of the whole "
                                      "model), one of the two");
    SizeBudget budget;
    if (args.bits && !(*args.bits > 0 && std::isfinite(*args.bits)))
        throw Error(ErrorKind::usage,
                    "--bits " + significant(*args.bits, 6) + " is no budget; give average bits a weight such as 4.5");
    if (args.bits)
        budget.bits = args.bits;
    else
        budget.bytes = parse_size(args.size);
    return budget;
}

std::optional<TimeBudget> time_of(const Args& args) {
    if (!args.milliseconds) {
        if (args.time_length || args.time_batch)
            throw Error(ErrorKind::usage, std::string(args.time_length ? "--time-length" : "--time-batch") +
                                              " says what --time limits; give --time in milliseconds, or leave it out");
        return std::nullopt;
    }
    if (!(*args.milliseconds > 0 && std::isfinite(*args.milliseconds)))
        throw Error(ErrorKind::usage, "--time " + significant(*args.milliseconds, 6) +
                                          " is no budget; give milliseconds of a pass such as 2.5");
    TimeBudget budget{1e-3 * *args.milliseconds, {SpeedPhase::decode, args.time_batch.value_or(1), 1, 512}};
    if (args.time_length) budget.pass = {SpeedPhase::prefill, 1, *args.time_length, 0};
    return budget;
}

std::vector<Recipe> candidates_of(const Args& args, const Model& model, Console& console) {
    std::vector<Recipe> candidates;
    if (!args.candidates.empty()) {
        for (const std::string& candidate : args.candidates)
            candidates.push_back(read_recipe_with(candidate, args.calibration, console));
        return candidates;
    }
    for (const std::string_view line : default_candidates()) {
        const Recipe recipe = read_recipe_with(std::string(line), args.calibration, console);
        if (resolve(recipe, model).resolved)
            candidates.push_back(recipe);
        else
            console.note("the candidate " + std::string(line) + " does not fit this model and is left out");
    }
    return candidates;
}

std::string points_text(const RecipeSearch& search) {
    std::vector<Column> columns{{"recipe"},
                                {"bits", Align::right},
                                {"model", Align::right},
                                {"predicted", Align::right},
                                {"divergence", Align::right},
                                {"95 % interval", Align::right},
                                {"perplexity", Align::right}};
    if (search.times)
        columns.insert(columns.end(), {{"linears predicted, ms", Align::right}, {"measured, ms", Align::right}});
    Table table(std::move(columns));
    const auto milliseconds = [](const std::optional<double>& seconds) {
        return seconds ? significant(1e3 * *seconds, 4) : std::string("-");
    };
    const auto add = [&](const SearchPoint& point) {
        std::vector<std::string> cells{point.name,
                                       bits_text(point.size.bits_per_weight),
                                       bytes_text(point.size.bytes),
                                       point.predicted ? significant(*point.predicted, 4) : std::string("-"),
                                       significant(point.divergence.mean, 4),
                                       interval_text(point.divergence.over_windows.interval, 5),
                                       perplexity_text(*point.evaluation)};
        if (search.times)
            cells.insert(cells.end(), {milliseconds(point.predicted_seconds), milliseconds(point.seconds)});
        table.add(std::move(cells));
    };
    add(search.searched);
    for (const SearchPoint& point : search.uniform) add(point);
    return table.text();
}

/// What the times are; empty where none was asked.
std::string times_text(const RecipeSearch& search) {
    if (!search.times) return {};
    const SearchTimes& times = *search.times;
    std::string text = "linears: their time in one pass (" + times.budget.pass.text() +
                       "), measured per kind of layer on " + times.provenance.device + " in " +
                       times.provenance.execution +
                       "; predicted: the candidates' times added up over the recipe's linears\n";
    for (const LinearTimes& candidate : times.candidates)
        text += "  " + significant(1e3 * candidate.seconds(), 4) + " ms  " + candidate.scheme_line + "\n";
    return text;
}

std::string search_text(const RecipeSearch& search) {
    const SearchPoint* offered = search.offered();
    const Sensitivity& sensitivity = *search.sensitivity;
    return points_text(search) + "\nbudget: " + search.budget_text() + "\n" + search.verdict() + "\n" +
           (offered == nullptr ? std::string() : "\n" + recipe_text(offered->recipe) + "\n") +
           "predicted and divergence: nats per token from full precision; predicted on " +
           sensitivity.provenance.data_name + " (" + sensitivity.protocol.text() + ", " +
           std::to_string(sensitivity.draws) + " draws) in " + duration_text(sensitivity.prediction_seconds) +
           ", measured on " + search.baseline->provenance.data_name + " (" + search.baseline->protocol.text() +
           "); all in " + duration_text(search.seconds) + "\n" + times_text(search);
}

void search_command(const Args& args, Console& console) {
    SearchSpec spec;
    spec.budget = budget_of(args);
    spec.time = time_of(args);
    const Corpus held_out = args.text.load(console);
    console.files().reads("--fit-text", args.fit_text);
    const Corpus fit = load_text(args.fit_text, BuiltInText::calibration);
    console.files().writes("--out", args.out);
    Workbench work;
    work.adopt(args.model.open(console));
    (void)work.tokenizer();
    spec.candidates = candidates_of(args, *work.model(), console);
    spec.held_out = args.window.spec(*work.model());
    spec.fit.window = args.fit_window;
    if (const std::int64_t most = work.model()->config().max_positions; most > 0)
        spec.fit.window = std::min(spec.fit.window, most);
    spec.fit.max_windows = args.fit_windows;
    spec.draws = args.draws;
    spec.grouping = args.separate ? Grouping::single : Grouping::fused;
    const auto search = search_recipe(work, spec, fit, held_out, console.job());
    console.print_json(to_json(*search, Timing::include));
    console.print(search_text(*search));
    if (const SearchPoint* offered = search->offered(); offered != nullptr && !args.out.empty()) {
        atomic_write_file(args.out, to_json(offered->recipe)); // after the figures, which need no disk
        console.files().wrote(args.out);
    }
}

} // namespace

Action declare_search(CLI::App& options) {
    auto args = std::make_shared<Args>();
    args->model.declare(options);
    options.add_option("--bits", args->bits, "Budget: average bits a weight over the decoder's linears")
        ->type_name("BITS");
    not_empty(options.add_option("--size", args->size, "Budget: bytes of the whole model (350MB, 4GB)"),
              "give a size such as 4GB, or --bits")
        ->type_name("SIZE");
    options
        .add_option("--time", args->milliseconds,
                    "Budget beside the size: milliseconds of the linears in one pass on this device, inputs' rounding "
                    "included, attention, norms, embedding and head not. Every candidate is timed, in integer "
                    "arithmetic where there are kernels, per kind of layer, all layers alike; a linear's time is its "
                    "kind's divided over the linears of the kind. What is measured at the end is timed itself")
        ->type_name("MS");
    CLI::Option* length = options.add_option("--time-length", args->time_length,
                                             "What --time limits: a prefill of one sequence of N tokens");
    length->check(CLI::Range(1, 1048576))->type_name("N");
    options
        .add_option("--time-batch", args->time_batch,
                    "What --time limits: a decode step, one token of each of B sequences behind 512 others as far as "
                    "the model has positions; without both 1")
        ->check(CLI::Range(1, 65536))
        ->type_name("B")
        ->excludes(length);
    std::string defaults;
    for (const std::string_view line : default_candidates())
        defaults += (defaults.empty() ? "" : ", ") + std::string(line);
    options
        .add_option("--candidates", args->candidates,
                    "Schemes to choose from, layer by layer: lines, presets or files; without it " + defaults)
        ->expected(2, 64)
        ->type_name("RECIPE");
    not_empty(options.add_option("--out", args->out, "Write the recipe that is offered, as JSON"),
              "leave --out out to write none")
        ->type_name("FILE");
    not_empty(options.add_option("--fit-text", args->fit_text,
                                 "Text that damage is predicted on; without it the built-in calibration text"),
              "leave --fit-text out for the built-in text")
        ->type_name("FILE");
    options.add_option("--fit-window", args->fit_window, "Tokens a window of that text")
        ->check(CLI::Range(2, 1048576))
        ->capture_default_str()
        ->type_name("N");
    options.add_option("--fit-windows", args->fit_windows, "At most so many of them; 0: all")
        ->check(CLI::Range(0, 100000000))
        ->capture_default_str()
        ->type_name("N");
    declare_draws(options, args->draws);
    options.add_flag("--separate", args->separate,
                     "Let q, k and v, gate and up differ: smaller damage, but programs that store them as one (vLLM) "
                     "cannot load the result");
    args->text.declare(options);
    args->window.declare(options);
    args->calibration.declare(options);
    return [args](Console& console) { search_command(*args, console); };
}

} // namespace graticule::cli
