// slac: sequence-length-aware calibration. The same tokens cut to several lengths: GPTQ's update ratios, activation
// maxima, with a recipe the perplexities, and the length advised for a target.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "app/cli/command.h"
#include "app/cli/console.h"
#include "app/cli/inputs.h"
#include "app/cli/show.h"
#include "app/cli/table.h"
#include "core/engine/study_lengths.h"
#include "core/report/json_results.h"
#include "core/report/report_text.h"

namespace graticule::cli {
namespace {

struct Args {
    ModelInput model;
    TextInput text;
    LengthStudySpec spec;
    std::string recipe;
    std::vector<std::int64_t> evaluated;
    std::int64_t max_tokens = 0;
    std::optional<std::int64_t> target;
};

std::string sites_text(const LengthStudy& study) {
    std::vector<Column> columns{{"input"}};
    for (const std::int64_t length : study.lengths)
        columns.push_back({"ratio " + std::to_string(length), Align::right});
    for (const std::int64_t length : study.lengths)
        columns.push_back({"max|x| " + std::to_string(length), Align::right});
    Table table(std::move(columns));
    for (const SiteLengths& site : study.sites) {
        std::vector<std::string> cells{site.name};
        for (const LengthEffect& effect : site.at)
            cells.push_back(effect.update_ratio ? fixed(*effect.update_ratio, 3) : "singular");
        for (const LengthEffect& effect : site.at) cells.push_back(significant(effect.absmax, 4));
        table.add(std::move(cells));
    }
    return table.text() +
           "\nratio: largest update of a weight not yet rounded per unit of GPTQ's rounding error (damping " +
           significant(study.damping, 3) + "), of the linears that read the input; the same " + grouped(study.tokens) +
           " tokens of " + study.provenance.data_name + " cut to each length, full-precision states\n";
}

std::string matrix_text(const LengthStudy& study) {
    std::vector<Column> columns{{"calibrated at"}};
    for (const std::int64_t length : study.evaluated)
        columns.push_back({"evaluated at " + std::to_string(length), Align::right});
    Table table(std::move(columns));
    std::vector<std::string> cells{study.full_precision.front()->run_name};
    for (const auto& run : study.full_precision) cells.push_back(perplexity_text(*run));
    table.add(std::move(cells));
    for (std::size_t i = 0; i < study.lengths.size(); ++i) {
        cells = {std::to_string(study.lengths[i])};
        for (std::size_t j = 0; j < study.evaluated.size(); ++j) {
            const Evaluation& run = *study.perplexity[i][j];
            cells.push_back(fixed(run.perplexity, 4) + "  " +
                            bracketed_difference(compare(*study.full_precision[j], run)));
        }
        table.add(std::move(cells));
    }
    return "\n" + study.recipe_line + ", " + study.full_precision.front()->provenance.data_name + "\n\n" +
           table.text() +
           "\ndifferences to the first row, paired over windows, in brackets where the interval contains 0; columns "
           "are "
           "different protocols\n";
}

std::string advice_text(const LengthAdvice& advice) {
    return "\nfor sequences of " + std::to_string(advice.target) + " tokens: calibrate at " +
           std::to_string(advice.length) + "\n  " + advice.reason + "\n";
}

void slac_command(const Args& args, Console& console) {
    LengthStudySpec spec = args.spec;
    console.files().reads("--calib", spec.text);
    if (args.recipe.empty() && (!args.evaluated.empty() || args.max_tokens > 0 || !args.text.path.empty()))
        throw Error(ErrorKind::usage, "an evaluation was described, but there is no recipe to evaluate; give --recipe");
    if (!args.recipe.empty())
        spec.matrix = LengthStudySpec::Matrix{read_recipe_for(args.recipe, console), args.text.load(console),
                                              args.evaluated, args.max_tokens};
    Workbench work;
    work.adopt(args.model.open(console));
    const auto study = study_lengths(work, spec, console.job());
    nlohmann::json value = to_json(*study, Timing::include);
    value["advice"] = nullptr;
    std::string text = sites_text(*study) + (study->evaluated.empty() ? "" : matrix_text(*study));
    if (args.target) {
        const LengthAdvice advice = advise_length(*study, *args.target);
        value["advice"] = to_json(advice);
        text += advice_text(advice);
    }
    console.print_json(value);
    console.print(text);
}

} // namespace

Action declare_slac(CLI::App& options) {
    auto args = std::make_shared<Args>();
    args->model.declare(options);
    options.add_option("--lengths", args->spec.lengths, "Calibration lengths, with commas (128,512,2048)")
        ->delimiter(',')
        ->type_name("N,N,...");
    options.add_option("--target", args->target, "Advise the calibration length for sequences of so many tokens")
        ->check(CLI::Range(2, 1048576))
        ->type_name("N");
    not_empty(options.add_option("--calib", args->spec.text, "Calibration text; without it the built-in one"),
              "leave --calib out for the built-in text")
        ->type_name("FILE");
    options.add_option("--tokens", args->spec.tokens, "Tokens of it, the same for every length")
        ->check(CLI::Range(2, 100000000))
        ->capture_default_str()
        ->type_name("N");
    options.add_option("--damp", args->spec.damping, "Damping of GPTQ's Hessian")
        ->check(CLI::Range(0.0, 1.0))
        ->capture_default_str()
        ->type_name("X");
    not_empty(options.add_option("--recipe", args->recipe,
                                 "Also measure: perplexity of this recipe by calibration length and evaluation length"),
              "leave --recipe out to measure no perplexity")
        ->type_name("RECIPE");
    options.add_option("--evaluate", args->evaluated, "Evaluation lengths; without them those of calibration")
        ->delimiter(',')
        ->check(CLI::Range(2, 1048576))
        ->type_name("N,N,...");
    options.add_option("--eval-tokens", args->max_tokens, "At most so many tokens of the text at each length; 0: all")
        ->check(CLI::Range(0, 100000000))
        ->type_name("N");
    args->text.declare(options);
    return [args](Console& console) { slac_command(*args, console); };
}

} // namespace graticule::cli
