// run: the whole job from a recipe. Calibrate, quantize, evaluate, compare, export, report.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "app/cli/command.h"
#include "app/cli/console.h"
#include "app/cli/inputs.h"
#include "app/cli/show.h"
#include "app/cli/table.h"
#include "core/engine/workbench.h"
#include "core/export/staged_dir.h"
#include "core/report/json_results.h"
#include "core/report/kernels_text.h"
#include "core/report/report_text.h"

namespace graticule::cli {
namespace {

struct Args {
    std::string recipe, model, out, exporter = "compressed-tensors";
    TextInput text;
    WindowInput window;
    CalibrationInput calibration;
    bool force = false, html = false;
};

std::string result_text(const RunResult& result) {
    Table table({{"run"}, {"bits", Align::right}, {"model", Align::right}, {"perplexity", Align::right}});
    const QuantizedModel& model = *result.quantized;
    const ModelSize size = model.size();
    table.add({result.baseline->run_name, "", bytes_text(model.bytes_before()), perplexity_text(*result.baseline)});
    table.add({result.evaluation->run_name, bits_text(size.bits_per_weight), bytes_text(size.bytes),
               perplexity_text(*result.evaluation)});
    return table.text() + "\ndifference " + bracketed_difference(result.comparison) + ", 95 % interval " +
           interval_text(result.comparison) + "\n" + result.evaluation->protocol.text() + ", " +
           result.evaluation->provenance.data_name + "\nproducts: " + kernels_text(*result.evaluation) + "\n\n" +
           exported_text(result.exported) + "report: " + (result.out / "report.md").string() + "\n";
}

void run_command(const Args& args, Console& console) {
    RunRequest request;
    request.recipe = read_recipe_with(args.recipe, args.calibration, console);
    request.out = args.out;
    request.force = args.force;
    request.html = args.html;
    request.exporter = args.exporter;
    request.text = args.text.path;
    request.text_rule = parse_text_rule(args.text.rule);
    console.files().reads("--text", request.text);
    console.files().writes_folder("--out", request.out);
    StagedDir::check(request.out, {.keep_out_of = {}, .force = request.force}); // before the model is opened
    Workbench work;
    work.adopt(ModelInput{args.model, {}}.open(console));
    request.evaluation = args.window.spec(*work.model());
    const RunResult result = run_recipe(work, request, console.job());
    console.files().wrote(result.out);
    console.print_json({{"out", result.out.string()},
                        {"model", result.exported.folder.string()},
                        {"baseline", to_json(*result.baseline, Timing::include)},
                        {"evaluation", to_json(*result.evaluation, Timing::include)},
                        {"comparison", to_json(result.comparison)},
                        {"quantized", to_json(*result.quantized, Timing::include)},
                        {"stored_quantization", stored_json(*work.model())},
                        {"export_notes", to_json(result.exported.notes)}});
    console.print(result_text(result) + stored_text(*work.model()));
}

} // namespace

Action declare_run(CLI::App& options) {
    auto args = std::make_shared<Args>();
    options.add_option("RECIPE", args->recipe, "A file, a preset or a line")->required();
    options.add_option("--model", args->model, "Model, as elsewhere")->required()->type_name("MODEL");
    options.add_option("--out", args->out, "Folder for the model and the reports; it appears whole or not at all")
        ->required()
        ->type_name("FOLDER");
    options.add_option("--exporter", args->exporter, "See: graticule-cli exporters")
        ->capture_default_str()
        ->type_name("NAME");
    options.add_flag("--force", args->force, "Move a folder aside that was not written by this program");
    options.add_flag("--html", args->html, "Also a self-contained report.html and a Markdown model_card.md");
    args->text.declare(options);
    args->window.declare(options);
    args->calibration.declare(options);
    return [args](Console& console) { run_command(*args, console); };
}

} // namespace graticule::cli
