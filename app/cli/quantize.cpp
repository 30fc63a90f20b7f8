// quantize: what a recipe costs each layer.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "app/cli/command.h"
#include "app/cli/console.h"
#include "app/cli/inputs.h"
#include "app/cli/show.h"
#include "app/cli/table.h"
#include "core/engine/resolve.h"
#include "core/engine/workbench.h"
#include "core/io/before_output.h"
#include "core/io/output_file.h"
#include "core/io/safetensors.h"
#include "core/report/json_results.h"
#include "core/report/report.h"

namespace graticule::cli {
namespace {

struct Args {
    ModelInput model;
    CalibrationInput calibration;
    std::string recipe, csv, weights;
    bool weights_only = false;
};

/// The weights as a plain decoder would use them, for other programs to compare with.
void write_weights(const QuantizedModel& model, const std::string& path, JobContext& ctx) {
    std::vector<SafetensorsSpec> specs;
    for (const Linear& linear : model.base->linears())
        specs.push_back({linear.name + ".weight", DType::f32, linear.weight.shape});
    for (const auto& [name, tensor] : model.replaced)
        if (!name.ends_with(".weight") || !model.base->find_linear(name.substr(0, name.size() - 7)))
            specs.push_back({name, tensor.dtype, tensor.shape});
    SafetensorsWriter writer(path, specs);
    ctx.progress.begin("Writing weights", std::ssize(specs));
    for (const Linear& linear : model.base->linears()) {
        const std::vector<float> values = plain_weight(model, linear.id);
        writer.write(linear.name + ".weight", std::as_bytes(std::span(values)));
        ctx.advance();
    }
    for (std::size_t i = model.base->linears().size(); i < specs.size(); ++i)
        writer.write(specs[i].name, model.replaced.at(specs[i].name));
    writer.finish();
}

/// How many layers each rule matched, and how many of them it decided in the end.
std::string rules_text(const Recipe& recipe, const std::vector<RuleMatch>& matches) {
    if (matches.empty()) return {};
    Table table({{"rule"}, {"matches", Align::right}, {"decides", Align::right}});
    for (const RuleMatch& match : matches)
        table.add({recipe.rules.at(std::size_t(match.rule)).pattern, std::to_string(match.matched),
                   std::to_string(match.won)});
    return "\n" + table.text();
}

nlohmann::json rules_json(const Recipe& recipe, const std::vector<RuleMatch>& matches) {
    nlohmann::json rules = nlohmann::json::array();
    for (const RuleMatch& match : matches)
        rules.push_back({{"pattern", recipe.rules.at(std::size_t(match.rule)).pattern},
                         {"matched", match.matched},
                         {"won", match.won}});
    return rules;
}

/// Both are written when all is done: a disk that cannot hold them is found before.
void check_disk(const Args& args, const Model& model) {
    constexpr std::uint64_t least_line = 100; // of a layer in CSV
    std::uint64_t lines = 0, weights = 0;
    for (const Linear& linear : model.linears()) {
        lines += least_line;
        weights += static_cast<std::uint64_t>(element_count(linear.weight.shape)) * sizeof(float);
    }
    if (!args.csv.empty()) check_room(args.csv, lines);
    if (!args.weights.empty()) check_room(args.weights, weights);
}

void quantize_command(const Args& args, Console& console) {
    const Recipe recipe = read_recipe_with(args.recipe, args.calibration, console);
    console.files().writes("--csv", args.csv);
    console.files().writes("--dequantized", args.weights, WritingOrder::any);
    Workbench work;
    work.adopt(args.model.open(console));
    check_disk(args, *work.model());
    const auto quantized = work.quantize(recipe, !args.weights_only, console.job());
    const std::vector<RuleMatch> matches = resolve(recipe, *work.model()).matches;
    nlohmann::json value = to_json(*quantized, Timing::include);
    value["rules"] = rules_json(recipe, matches);
    console.print_json(value);
    console.print(layers_text(*quantized) + rules_text(recipe, matches));
    // After the figures, which need no disk.
    if (!args.csv.empty()) {
        atomic_write_file(args.csv, layers_csv(*quantized));
        console.files().wrote(args.csv);
    }
    if (!args.weights.empty()) {
        write_weights(*quantized, args.weights, console.job());
        console.files().wrote(args.weights);
    }
}

} // namespace

Action declare_quantize(CLI::App& options) {
    auto args = std::make_shared<Args>();
    args->model.declare(options);
    options.add_option("--recipe", args->recipe, "A file, a preset or a line such as \"w=int4/asym/g128\"")
        ->required()
        ->type_name("RECIPE");
    options.add_flag("--weights-only", args->weights_only,
                     "Do not calibrate unless the recipe needs it: no output errors in the table");
    not_empty(options.add_option("--csv", args->csv,
                                 "Also write the layers as CSV; errors by source are mean squares there, no shares"),
              "leave --csv out to write none")
        ->type_name("FILE");
    not_empty(options.add_option("--dequantized", args->weights,
                                 "Also write the dequantized weights and the folded tensors (float32 safetensors)"),
              "leave --dequantized out to write none")
        ->type_name("FILE");
    args->calibration.declare(options);
    return [args](Console& console) { quantize_command(*args, console); };
}

} // namespace graticule::cli
