// Passes over a model as the verbs run them, timed from inside: what bench_real_size.py asks for. Prints one JSON
// value.
//
//     bench_forward evaluate MODEL --device cuda --text FILE --window 2048 --windows 16 [--recipe LINE] [--budget 0.25]
//     bench_forward calibrate MODEL --device cuda --text FILE --window 2048 --samples 16
//     bench_forward what_if MODEL --device cuda --text FILE --window 512 --samples 1 --recipe LINE
//
// evaluate: two passes with one runner; the second is timed, as everything that stays in memory is there by then.
// --budget: weights kept on the device, as a share of all. calibrate: the pass with all statistics and the same pass
// with nobody looking, in turns, medians. what_if: the largest linear of the first block under LINE, of the weight
// alone, from the first rows and from all kept ones; the first answer, which reads the weight, and the median of those
// after it.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "core/engine/workbench.h"
#include "core/runtime/model_runner.h"
#include "core/runtime/settle_execution.h"

using namespace graticule;
using nlohmann::json;

namespace {

using Clock = std::chrono::steady_clock;
const Clock::time_point program_start = Clock::now();

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

struct Options {
    std::string model, text, recipe, precision = "auto", arithmetic = "simulated";
    std::int64_t window = 2048, windows = 16, samples = 16;
    double budget = 0; ///< share of the weights that may stay; 0: the engine's own choice
};

std::vector<std::vector<std::int32_t>> windows_of(Workbench& work, const Options& options, std::int64_t count) {
    const Corpus corpus = load_text(options.text, BuiltInText::evaluation, TextRule::raw);
    const std::vector<std::int32_t> ids = tokenize(work.tokenizer(), corpus);
    std::vector<std::vector<std::int32_t>> windows;
    for (const auto& window : cut_windows(ids, options.window)) {
        if (std::ssize(windows) == count) break;
        windows.emplace_back(window.begin(), window.end());
    }
    if (std::ssize(windows) < count)
        throw Error(ErrorKind::bad_input, options.text + " has " + std::to_string(windows.size()) +
                                              " windows, fewer than the " + std::to_string(count) + " asked for");
    return windows;
}

json evaluate(Workbench& work, const Options& options, JobContext& ctx) {
    if (!options.recipe.empty()) work.quantize(read_recipe(options.recipe), false, ctx);
    const auto ids = windows_of(work, options, options.windows);
    const std::vector<ModelRunner::Window> windows(ids.begin(), ids.end());
    const Model& model = *work.model();
    RunnerOptions runner_options;
    runner_options.execution = settle_execution(ctx.execution, ctx.device, model);
    const std::int64_t element = runner_options.execution.compute == Compute::float32 ? 4 : 2;
    const std::int64_t weight_bytes = model.linear_parameter_count() * element;
    if (options.budget > 0)
        runner_options.weight_budget = static_cast<std::int64_t>(options.budget * static_cast<double>(weight_bytes));
    ModelRunner runner(work.model(), options.recipe.empty() ? nullptr : work.quantized(), open_device(ctx.device),
                       runner_options);
    std::vector<double> losses;
    double first = 0;
    runner.window_losses(windows, 1, ctx,
                         [&](std::span<const double>) { first = first == 0 ? seconds_since(program_start) : first; });
    const Clock::time_point start = Clock::now();
    runner.window_losses(windows, 1, ctx,
                         [&](std::span<const double> of_sides) { losses.push_back(of_sides.front()); });
    const double seconds = seconds_since(start);
    json kernels = json::array();
    for (const KernelUse& use : runner.kernels()) kernels.push_back(use.kernel);
    return {{"rate", static_cast<double>(options.windows * options.window) / seconds},
            {"seconds", seconds},
            {"first_window_seconds", first},
            {"perplexity", perplexity_of(losses)},
            {"losses", losses},
            {"precision", to_text(runner.execution())},
            {"kernels", kernels},
            {"weight_bytes", weight_bytes}};
}

json calibrate(Workbench& work, const Options& options, JobContext& ctx) {
    const auto ids = windows_of(work, options, options.samples);
    const std::vector<ModelRunner::Window> windows(ids.begin(), ids.end());
    RunnerOptions runner_options;
    runner_options.execution = ctx.execution;
    ModelRunner runner(work.model(), std::shared_ptr<const QuantizedModel>(), open_device(ctx.device), runner_options);
    std::vector<double> bare, watched;
    double observing = 0;
    for (int turn = 0; turn < 4; ++turn) {
        Clock::time_point start = Clock::now();
        runner.observe(windows, nullptr, ctx, {});
        if (turn > 0) bare.push_back(seconds_since(start)); // the first turn warms everything
        start = Clock::now();
        const StatisticsPlan plan = statistics_plan(*work.model(), options.samples, options.window);
        std::vector<SiteStats> sites;
        observing = runner.observe(windows, &plan, ctx, [&](SiteStats&& site) { sites.push_back(std::move(site)); });
        if (turn > 0) watched.push_back(seconds_since(start));
    }
    return {{"bare_seconds", median(bare)},
            {"seconds", median(watched)},
            {"seconds_observing", observing},
            {"tokens", options.samples * options.window}};
}

json what_if(Workbench& work, const Options& options, JobContext& ctx) {
    const Model& model = *work.model();
    CalibrationSpec spec;
    spec.text = options.text;
    spec.samples = options.samples;
    spec.length = options.window;
    const auto stats = calibrate(model, work.tokenizer(), spec, ctx);
    const auto weights = [](const Linear& linear) { return linear.out_features() * linear.in_features(); };
    const auto& linears = model.linears();
    const Linear& largest =
        *std::ranges::max_element(linears.begin(), linears.end(), std::less<>(), [&](const Linear& linear) {
            return index_of(linear.block) == 0 ? weights(linear) : 0;
        });
    json result = {{"linear", largest.name}, {"shape", {largest.out_features(), largest.in_features()}}};
    const SchemeChoice choice = parse_scheme_line(options.recipe);
    const auto timed = [&](const char* name, const std::function<WhatIf(const WhatIfs&)>& ask) {
        const WhatIfs answers(work.model(), stats, ctx.device);
        std::vector<double> seconds;
        std::int64_t scored = 0;
        for (int turn = 0; turn < 6; ++turn) {
            const Clock::time_point start = Clock::now();
            scored = ask(answers).report.rows_scored;
            seconds.push_back(seconds_since(start));
        }
        const double first = seconds.front();
        seconds.erase(seconds.begin());
        result[name] = {{"rows", scored}, {"first_seconds", first}, {"seconds", median(seconds)}};
    };
    timed("weight", [&](const WhatIfs& answers) { return answers.of_weight(largest.id, choice); });
    timed("first_rows", [&](const WhatIfs& answers) { return answers.of(largest.id, choice, 32); });
    timed("all_rows", [&](const WhatIfs& answers) { return answers.of(largest.id, choice, 0); });
    return result;
}

} // namespace

int main(int count, char** words) {
    CLI::App app("Passes over a model, timed");
    Options options;
    JobContext ctx;
    app.require_subcommand(1);
    struct Command {
        const char* name;
        json (*run)(Workbench&, const Options&, JobContext&);
    };
    constexpr Command commands[] = {{"evaluate", evaluate}, {"calibrate", calibrate}, {"what_if", what_if}};
    const Command* asked = nullptr;
    for (const Command& row : commands) {
        CLI::App* command = app.add_subcommand(row.name);
        command->callback([&asked, &row] { asked = &row; });
        command->add_option("MODEL", options.model)->required();
        command->add_option("--device", ctx.device);
        command->add_option("--text", options.text)->required();
        command->add_option("--window", options.window);
        command->add_option("--windows", options.windows);
        command->add_option("--samples", options.samples);
        command->add_option("--recipe", options.recipe);
        command->add_option("--budget", options.budget);
        command->add_option("--precision", options.precision);
        command->add_option("--arithmetic", options.arithmetic);
    }
    CLI11_PARSE(app, count, words);
    try {
        ctx.execution = {parse_compute(options.precision), parse_arithmetic(options.arithmetic)};
        Workbench work;
        work.open(resolve_model_path(options.model), ctx);
        json result = asked->run(work, options, ctx);
        for (const auto& [name, version] : current_versions()) result["version"] = name + " " + version;
        std::puts(result.dump().c_str());
        return 0;
    } catch (const Error& error) {
        std::fprintf(stderr, "%s\n", error.info().text().c_str());
        return exit_code(error.info().kind);
    }
}
