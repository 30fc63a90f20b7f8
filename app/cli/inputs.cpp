#include "app/cli/inputs.h"

#include <CLI/CLI.hpp>

#include "app/cli/console.h"
#include "core/engine/resources.h"
#include "core/io/mapped_file.h"

namespace graticule::cli {

CLI::Option* not_empty(CLI::Option* option, const std::string& instead) {
    return option->check([instead](const std::string& value) {
        const bool blank = value.find_first_not_of(' ') == std::string::npos;
        return blank ? "the value is empty; " + instead : std::string();
    });
}

void ModelInput::declare(CLI::App& options) {
    options.add_option("MODEL", model,
                       "Model: a folder, a .safetensors or .gguf file, org/name in the Hugging Face cache, "
                       "sample-opt or sample-llama");
    options.add_option("--sample", sample, "An embedded sample model instead: opt or llama")
        ->check(CLI::IsMember({"opt", "llama"}))
        ->type_name("NAME");
}

std::filesystem::path ModelInput::path() const {
    if (model.empty() == sample.empty())
        throw Error(ErrorKind::usage, model.empty() ? "no model was named; give MODEL, or --sample opt"
                                                    : "both a MODEL and --sample were given; keep one of them");
    return resolve_model_path(model.empty() ? "sample-" + sample : model);
}

OpenedModel ModelInput::open(Console& console) const {
    OpenedModel opened = open_model(path(), console.job()); // its warnings go to the job's log, which is stderr
    console.files().reads_model(*opened.model);
    return opened;
}

void TextInput::declare(CLI::App& options) {
    not_empty(options.add_option("--text", path, "Text to evaluate on; without it the built-in evaluation text"),
              "leave --text out for the built-in text")
        ->type_name("FILE");
    options.add_option("--text-rule", rule, "How the file becomes a text: auto, gptq (WikiText lines) or raw")
        ->check(CLI::IsMember({"auto", "gptq", "raw"}))
        ->capture_default_str()
        ->type_name("RULE");
}

Corpus TextInput::load(Console& console) const {
    console.files().reads("--text", path);
    return load_text(path, BuiltInText::evaluation, parse_text_rule(rule));
}

void CalibrationInput::declare(CLI::App& options) {
    not_empty(options.add_option("--calib", path, "Calibration text; without it the recipe's, or the built-in one"),
              "leave --calib out for the recipe's text or the built-in one")
        ->type_name("FILE");
    options.add_option("--calib-samples", samples, "Calibration samples (16)")
        ->check(CLI::Range(1, 1000000))
        ->type_name("N");
    options.add_option("--calib-length", length, "Tokens per sample (512)")
        ->check(CLI::Range(2, 1048576))
        ->type_name("N");
    options.add_option("--calib-pick", pick, "Which windows: first or random")
        ->check(CLI::IsMember({"first", "random"}))
        ->type_name("WHICH");
    options.add_option("--seed", seed, "Seed of the random pick")->type_name("N");
}

void CalibrationInput::only_with_recipe(CLI::App& options) {
    for (const char* name : {"--calib", "--calib-samples", "--calib-length", "--calib-pick", "--seed"})
        options.get_option(name)->needs(options.get_option("--recipe"));
}

CalibrationSpec CalibrationInput::over(CalibrationSpec base) const {
    if (path) base.text = *path;
    if (samples) base.samples = *samples;
    if (length) base.length = *length;
    if (pick) base.pick = *pick == "random" ? CalibrationSpec::Pick::random : CalibrationSpec::Pick::first;
    if (seed) base.seed = *seed;
    return base;
}

void WindowInput::declare(CLI::App& options) {
    options.add_option("--window", window, "Tokens per window (2048, or the model's positions if fewer)")
        ->check(CLI::Range(2, 1048576))
        ->type_name("N");
    options.add_option("--windows", max_windows, "At most so many windows; 0: all")
        ->check(CLI::Range(0, 100000000))
        ->type_name("N");
}

void WindowInput::declare_protocol(CLI::App& options) {
    std::string help;
    std::vector<std::string> names;
    for (const ProtocolRow& row : all_protocols()) {
        names.emplace_back(row.name);
        help += (help.empty() ? "" : "; ") + std::string(row.name) + ": " + std::string(row.help) + ", windows of " +
                std::to_string(row.window);
    }
    options.add_option("--protocol", protocol, help)
        ->check(CLI::IsMember(names))
        ->capture_default_str()
        ->type_name("NAME");
}

EvaluationSpec WindowInput::spec(const Model& model) const {
    EvaluationSpec spec;
    spec.protocol = protocol;
    spec.window = protocol_named(protocol).window;
    spec.window = window.value_or(
        std::min(spec.window, model.config().max_positions > 0 ? model.config().max_positions : spec.window));
    spec.max_windows = max_windows;
    model.check_positions(spec.window); // before anything is quantized for it
    return spec;
}

void TargetInput::declare(CLI::App& options, const char* help) {
    std::vector<std::string> names;
    for (const Target& target : all_targets()) names.emplace_back(target.name);
    options.add_option("--as", name, help)->check(CLI::IsMember(names))->type_name("TARGET");
}

const Target* TargetInput::target() const { return name.empty() ? nullptr : &target_named(name); }

void declare_draws(CLI::App& options, std::int64_t& draws) {
    options.add_option("--draws", draws, "Backward passes a window: more of them predict more exactly")
        ->check(CLI::Range(1, 4096))
        ->capture_default_str()
        ->type_name("N");
}

Recipe read_recipe_for(const std::string& file_or_line, Console& console) {
    console.files().reads("the recipe", file_or_line);
    return read_recipe(file_or_line);
}

Recipe read_recipe_with(const std::string& file_or_line, const CalibrationInput& calibration, Console& console) {
    Recipe recipe = read_recipe_for(file_or_line, console);
    recipe.calibration = calibration.over(recipe.calibration);
    if (calibration.path) { // also where the recipe turns out to need none: a typing error is none the less
        try {
            (void)MappedFile::open(*calibration.path);
        } catch (Error& error) {
            error.add_context("reading the text of --calib");
            throw;
        }
    }
    console.files().reads("the calibration text", recipe.calibration.text);
    return recipe;
}

} // namespace graticule::cli
