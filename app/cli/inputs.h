// Options that several commands share, declared once: which model, which text, how to calibrate.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/engine/engine.h"
#include "core/export/target.h"
#include "core/recipe/recipe.h"

namespace CLI {
class App;
class Option;
} // namespace CLI

namespace graticule::cli {

class Console;

/// Refuses an empty value, as a script's unset variable gives it: it must not quietly mean the default. `instead` says
/// what to do for the default: "leave --text out for the built-in text".
CLI::Option* not_empty(CLI::Option* option, const std::string& instead);

/// MODEL, or --sample opt|llama.
struct ModelInput {
    std::string model;
    std::string sample;

    void declare(CLI::App& options);
    [[nodiscard]] std::filesystem::path path() const; ///< throws Error{usage} unless exactly one was given
    [[nodiscard]] OpenedModel open(Console& console) const;
};

/// --text FILE and --text-rule; without them the built-in evaluation text.
struct TextInput {
    std::string path;
    std::string rule = "auto";

    void declare(CLI::App& options);
    [[nodiscard]] Corpus load(Console& console) const; ///< declared among the console's files, as all that is read
};

/// --calib FILE --calib-samples N --calib-length N --calib-pick first|random --seed N: each overrides the recipe's.
struct CalibrationInput {
    std::optional<std::string> path, pick;
    std::optional<std::int64_t> samples, length;
    std::optional<std::uint64_t> seed;

    void declare(CLI::App& options);
    /// For commands whose recipe is optional: without one these options would do nothing.
    static void only_with_recipe(CLI::App& options);
    [[nodiscard]] CalibrationSpec over(CalibrationSpec base) const;
};

/// --window N --windows N, and for commands that evaluate --protocol NAME.
struct WindowInput {
    std::optional<std::int64_t> window;
    std::int64_t max_windows = 0;
    std::string protocol = "gptq";

    void declare(CLI::App& options);
    void declare_protocol(CLI::App& options);
    /// The protocol's length (the papers' 2048), or all positions of a model that has fewer.
    [[nodiscard]] EvaluationSpec spec(const Model& model) const;
};

/// --as TARGET: a program that the recipe is exported for.
struct TargetInput {
    std::string name; ///< empty: none

    void declare(CLI::App& options, const char* help);
    [[nodiscard]] const Target* target() const; ///< null: none was named
};

/// --draws N, of commands that predict damage.
void declare_draws(CLI::App& options, std::int64_t& draws);

/// A recipe as an option names it; the file, and the calibration text that it names.
[[nodiscard]] Recipe read_recipe_for(const std::string& file_or_line, Console& console);
/// The same with the calibration options on top.
[[nodiscard]] Recipe read_recipe_with(const std::string& file_or_line, const CalibrationInput& calibration,
                                      Console& console);

} // namespace graticule::cli
