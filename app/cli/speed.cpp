// speed: how fast a model runs on this device, prefill and decode, in full precision and with the kernels there are for
// 8 and 4 bits.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "app/cli/command.h"
#include "app/cli/console.h"
#include "app/cli/inputs.h"
#include "app/cli/show.h"
#include "app/cli/table.h"
#include "core/engine/measure_speed.h"
#include "core/report/json_results.h"
#include "core/report/kernels_text.h"

namespace graticule::cli {
namespace {

struct Args {
    ModelInput model;
    SpeedSpec spec;
    std::vector<std::string> recipes;
};

std::string milliseconds(double seconds) { return significant(1e3 * seconds, 4); }
std::string giga(double per_second) { return grouped(static_cast<std::int64_t>(per_second / 1e9)); }

std::string marks_of(const SpeedRun& run, const SpeedPoint& point) {
    std::string marks;
    const auto add = [&](bool is, const char* mark) {
        if (is) marks += (marks.empty() ? "" : ", ") + std::string(mark);
    };
    add(point.unsteady() || run.unsteady(), "unsteady");
    add(point.below_floor(), "below floor");
    return marks;
}

std::string times_text(const SpeedStudy& study) {
    bool one_by_one = false;
    for (const SpeedRun& run : study.runs)
        for (const SpeedPoint& point : run.points) one_by_one = one_by_one || point.one_by_one_seconds;
    std::vector<Column> columns{{"run"}, {"pass"}, {"ms", Align::right}, {"p10 to p90", Align::right}};
    if (one_by_one) columns.push_back({"kernel by kernel, ms", Align::right});
    columns.insert(columns.end(), {{"tokens/s", Align::right},
                                   {"x first", Align::right},
                                   {"floor, ms", Align::right},
                                   {"weights", Align::right},
                                   {"memory", Align::right},
                                   {""}});
    Table table(columns);
    for (std::size_t i = 0; i < study.runs.front().points.size(); ++i)
        for (const SpeedRun& run : study.runs) {
            const SpeedPoint& point = run.points.at(i);
            std::vector<std::string> cells{run.label(), point.name()};
            if (!point.measured()) {
                cells.resize(columns.size());
                cells.back() = "not measured";
                table.add(std::move(cells));
                continue;
            }
            const std::optional<double> ratio = study.times_first(run, i);
            cells.push_back(milliseconds(point.seconds));
            cells.push_back(milliseconds(point.p10_seconds) + " to " + milliseconds(point.p90_seconds));
            if (one_by_one)
                cells.push_back(point.one_by_one_seconds ? milliseconds(*point.one_by_one_seconds) : std::string());
            for (std::string& cell :
                 std::vector{grouped(static_cast<std::int64_t>(point.tokens_per_second())),
                             ratio ? fixed(*ratio, 2) : std::string(), milliseconds(point.floor_seconds),
                             bytes_text(run.weight_bytes), bytes_text(point.peak_bytes), marks_of(run, point)})
                cells.push_back(std::move(cell));
            table.add(std::move(cells));
        }
    std::string text = table.text();
    for (const std::string& problem : study.problems()) text += "not measured: " + problem + "\n";
    return text;
}

std::string shares_text(const SpeedStudy& study) {
    std::string text;
    for (const SpeedRun& run : study.runs) {
        std::vector<const SpeedPoint*> points;
        for (const SpeedPoint& point : run.points)
            if (point.measured()) points.push_back(&point);
        if (points.empty()) continue;
        std::vector<Column> columns{{run.label()}};
        for (const SpeedPoint* point : points) columns.push_back({point->name(), Align::right});
        columns.push_back({"kernel"});
        Table table(std::move(columns));
        for (std::size_t kind = 0; kind < points.front()->shares.size(); ++kind) {
            std::vector<std::string> cells{points.front()->shares[kind].kind};
            std::string kernels;
            for (const SpeedPoint* point : points) {
                const SpeedShare& share = point->shares.at(kind);
                cells.push_back(percent(share.share, 1));
                if (kernels.find(share.kernel) == std::string::npos)
                    kernels += (kernels.empty() ? "" : ", ") + share.kernel; // one of few tokens, another of many
            }
            cells.push_back(kernels);
            table.add(std::move(cells));
        }
        text += "\n" + table.text();
        const bool told = run.kernels.size() > 1 || !run.kernels.front().no_integers.empty();
        if (told) text += "kernels: " + kernels_text(run.kernels) + "\n"; // else the column says all
    }
    return text;
}

/// What the columns say; in --help as well.
constexpr const char* legend =
    "x first: the first run's time over this one's\n"
    "floor: what the products of linears and head take at least, at what the device reaches alone\n"
    "decode N behind M: one token of each of N sequences, whose M tokens before it have their keys and values kept\n"
    "weights: of the linears, as the kernels hold them\n"
    "memory: these, embedding, head, keys and values, activations and scratch, at most\n"
    "(simulated): no kernel here, values are rounded and multiplied in full\n"
    "(reference): only the definition of the kernel here, slow and with wider weights\n"
    "unsteady: passes from p10 to p90, or what the device reached alone before and after a run, differ by more than a "
    "quarter; measure again when the machine is quiet\n"
    "below floor: a pass was faster than its floor, so the rates were measured while other work ran\n";

std::string ceilings_text(const SpeedStudy& study) {
    const SpeedCeilings& ceilings = study.ceilings;
    bool one_by_one = false;
    for (const SpeedRun& run : study.runs)
        for (const SpeedPoint& point : run.points) one_by_one = one_by_one || point.one_by_one_seconds;
    return "\n" + study.provenance.device + ", " + study.provenance.execution + ": " + giga(ceilings.bytes_per_second) +
           " GB/s (" + ceilings.bytes_by + "), " + giga(ceilings.float_operations) + " GFLOP/s (" + ceilings.float_by +
           ")" +
           (ceilings.integer_operations
                ? ", " + giga(*ceilings.integer_operations) + " GOP/s of integers (" + ceilings.integer_by + ")"
                : "") +
           ": the best of what was measured before every run and after the last\n" + legend +
           (one_by_one ? "ms: of a pass as one CUDA graph; kernel by kernel: started one by one by the host\n" : "") +
           "medians; " + (study.complete ? "taken in " : "stopped after ") + duration_text(study.seconds) + "\n";
}

void show(const SpeedStudy& study, Console& console) {
    console.print_json(to_json(study));
    console.print(times_text(study) + shares_text(study) + ceilings_text(study));
}

void speed_command(const Args& args, Console& console) {
    SpeedSpec spec = args.spec;
    for (const std::string& recipe : args.recipes) spec.recipes.push_back(read_recipe_for(recipe, console));
    Workbench work;
    work.adopt(args.model.open(console));
    if (const std::string stored = stored_text(*work.model()); !stored.empty()) {
        console.note(stored.substr(0, stored.size() - 1)); // without the end of the line
        console.note("note: speed rounds what these weights stand for once more, for kernels of codes");
    }
    std::optional<SpeedStudy> so_far;
    try {
        so_far = *measure_speed(work, spec, console.job(), [&](const SpeedStudy& study) { so_far = study; });
    } catch (const Cancelled&) {
        if (so_far) show(*so_far, console); // what is there took its time
        throw;
    }
    show(*so_far, console);
    if (so_far->failure) throw Error(so_far->failure->kind, "not everything was measured: " + so_far->failure->message);
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
    std::string runs = "Runs: full precision in --precision";
    for (const SpeedSetting& setting : speed_settings())
        runs += "; " + std::string(setting.name) + ": " + std::string(setting.help);
    options.footer(
        runs +
        "; and each --recipe. Those with weights in groups of 128 take 64 or 32 where a model's widths ask for it. "
        "All but the first are timed in integer arithmetic, whatever --arithmetic says, as far as there are kernels. "
        "On a card a pass is one CUDA graph, with the time of kernels started one by one beside it.\n" +
        legend + "\n" + options.get_footer());
    return [args](Console& console) { speed_command(*args, console); };
}

} // namespace graticule::cli
