// speed: how fast a model runs on this device, prefill and decode, in full precision and with the kernels there are for
// 8 and 4 bits.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "app/cli/command.h"
#include "app/cli/console.h"
#include "app/cli/inputs.h"
#include "app/cli/table.h"
#include "core/engine/measure_speed.h"
#include "core/report/json_results.h"

namespace graticule::cli {
namespace {

struct Args {
    ModelInput model;
    SpeedSpec spec;
    std::vector<std::string> recipes;
};

std::string milliseconds(double seconds) { return significant(1e3 * seconds, 4); }
std::string giga(double per_second) { return grouped(static_cast<std::int64_t>(per_second / 1e9)); }

std::string point_name(const SpeedPoint& point) {
    return point.phase == SpeedPhase::prefill
               ? "prefill " + std::to_string(point.length)
               : "decode " + std::to_string(point.batch) + " behind " + std::to_string(point.before);
}

std::string times_text(const SpeedStudy& study) {
    Table table({{"run"},
                 {"pass"},
                 {"ms", Align::right},
                 {"p10 to p90", Align::right},
                 {"tokens/s", Align::right},
                 {"x first", Align::right},
                 {"floor, ms", Align::right},
                 {"weights", Align::right},
                 {"memory", Align::right},
                 {""}});
    for (std::size_t i = 0; i < study.runs.front().points.size(); ++i)
        for (const SpeedRun& run : study.runs) {
            const SpeedPoint& point = run.points.at(i);
            const double first = study.runs.front().points.at(i).seconds;
            table.add({run.name, point_name(point), milliseconds(point.seconds),
                       milliseconds(point.p10_seconds) + " to " + milliseconds(point.p90_seconds),
                       grouped(static_cast<std::int64_t>(point.tokens_per_second())), fixed(first / point.seconds, 2),
                       milliseconds(point.floor_seconds), bytes_text(run.weight_bytes), bytes_text(point.peak_bytes),
                       point.unsteady() ? "unsteady" : ""});
        }
    return table.text();
}

std::string shares_text(const SpeedStudy& study) {
    std::string text;
    for (const SpeedRun& run : study.runs) {
        std::vector<Column> columns{{run.name}};
        for (const SpeedPoint& point : run.points) columns.push_back({point_name(point), Align::right});
        columns.push_back({"kernel"});
        Table table(std::move(columns));
        for (std::size_t kind = 0; kind < run.points.front().shares.size(); ++kind) {
            std::vector<std::string> cells{run.points.front().shares[kind].kind};
            for (const SpeedPoint& point : run.points) cells.push_back(percent(point.shares.at(kind).share, 1));
            cells.push_back(run.points.front().shares[kind].kernel);
            table.add(std::move(cells));
        }
        text += "\n" + table.text();
        for (const KernelUse& use : run.kernels)
            if (!use.no_integers.empty()) text += "no integer product: " + use.no_integers + "\n";
    }
    return text;
}

std::string ceilings_text(const SpeedStudy& study) {
    const SpeedCeilings& ceilings = study.ceilings;
    return "\n" + study.provenance.device + ", " + study.provenance.execution + ": " + giga(ceilings.bytes_per_second) +
           " GB/s (" + ceilings.bytes_by + "), " + giga(ceilings.float_operations) + " GFLOP/s (" + ceilings.float_by +
           ")" +
           (ceilings.integer_operations
                ? ", " + giga(*ceilings.integer_operations) + " GOP/s of integers (" + ceilings.integer_by + ")"
                : "") +
           "\nfloor: the products of linears and head at these rates; decode N behind M: one token of each of N "
           "sequences, whose M tokens before it have their keys and values kept; medians; unsteady: passes from p10 to "
           "p90 differ by more than a quarter, so measure again when the machine is quiet; taken in " +
           duration_text(study.seconds) + "\n";
}

void speed_command(const Args& args, Console& console) {
    SpeedSpec spec = args.spec;
    for (const std::string& recipe : args.recipes) spec.recipes.push_back(read_recipe_for(recipe, console));
    Workbench work;
    work.adopt(args.model.open(console));
    const auto study = measure_speed(work, spec, console.job());
    console.print_json(to_json(*study));
    console.print(times_text(*study) + shares_text(*study) + ceilings_text(*study));
}

} // namespace

Action declare_speed(CLI::App& options) {
    auto args = std::make_shared<Args>();
    args->model.declare(options);
    not_empty(
        options.add_option("--recipe", args->recipes,
                           "Also time this recipe, in integer arithmetic where there are kernels; may be repeated"),
        "leave --recipe out for the standard runs")
        ->type_name("RECIPE");
    options
        .add_option("--lengths", args->spec.lengths,
                    "Tokens of a prefill, with commas; without it 128,512,1024,2048 as far as the model goes")
        ->delimiter(',')
        ->check(CLI::Range(1, 1048576))
        ->type_name("N,N,...");
    options.add_option("--batch", args->spec.batches, "Sequences of a decode step, with commas (1,16)")
        ->delimiter(',')
        ->check(CLI::Range(1, 65536))
        ->type_name("N,N,...");
    options
        .add_option("--before", args->spec.before,
                    "Tokens of each sequence before the one that is decoded, as far as the model has positions")
        ->check(CLI::Range(0, 1048576))
        ->type_name("N")
        ->capture_default_str();
    return [args](Console& console) { speed_command(*args, console); };
}

} // namespace graticule::cli
