// What the user chose, as a document: defaults, ordered rules (the last match wins), an ignore list. Method names and
// parameters stay raw here; engine/resolve turns them into plans for one model. Undo is a list of these values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/diagnostics.h"
#include "core/base/param_spec.h"
#include "core/recipe/tensor_scheme.h"

namespace graticule {

/// What a model is calibrated on.
struct CalibrationSpec {
    std::string text; ///< path of a text file; empty: the built-in calibration text
    std::int64_t samples = 16;
    std::int64_t length = 512; ///< tokens a sample
    enum class Pick : std::uint8_t { first, random } pick = Pick::first;
    std::uint64_t seed = 0; ///< random only
    bool operator==(const CalibrationSpec&) const = default;
};

/// One method term: "smoothquant:alpha=0.5". The stage (transform, clip, round) follows from the registry.
struct MethodStep {
    std::string method;
    ParamMap params;
    bool operator==(const MethodStep&) const = default;
};

struct SchemeChoice {
    QuantScheme scheme;
    std::vector<MethodStep> steps; ///< at most one transform, one clip, one rounding; none = round to nearest
    bool operator==(const SchemeChoice&) const = default;
};

struct Rule {
    std::string pattern; ///< glob ("*.v_proj", "layers.{0,7}.*") or, with `regex`, a regular expression; on layer names
    bool regex = false;
    SchemeChoice choice; ///< replaces the default's choice as a whole
    bool operator==(const Rule&) const = default;
};

struct Recipe {
    static constexpr int current_schema = 1;
    int schema = current_schema;
    std::string name;
    SchemeChoice defaults;           ///< for every decoder linear
    std::vector<Rule> rules;         ///< in order; the last one that matches a layer wins
    std::vector<std::string> ignore; ///< patterns of layers left in full precision
    CalibrationSpec calibration;
    bool operator==(const Recipe&) const = default;
};

/// The one-line notation. Full grammar: docs/recipes.md.
///     w=dint4/asym/g128 a=int8/sym/token smoothquant:alpha=0.5
/// Throws Error{bad_input} naming the term and what is allowed there.
[[nodiscard]] SchemeChoice parse_scheme_line(const std::string& line);
[[nodiscard]] std::string to_line(const SchemeChoice& choice); ///< "none" for full precision
/// The recipe in one line for people: the default's line, the rule, or what the rules are for, and what is ignored.
[[nodiscard]] std::string summary_line(const Recipe& recipe);
/// What its rules are for, the first three by name: "*.v_proj, *.fc2"; empty: it has none.
[[nodiscard]] std::string rule_names(const Recipe& recipe);

/// JSON (schema version 1); its canonical form without the name is hashed. `parse_recipe` accepts JSON text; unknown
/// keys, wrong types and values out of range are all collected and thrown as one Error{bad_input}.
[[nodiscard]] std::string to_json(const Recipe& recipe);
[[nodiscard]] Recipe parse_recipe(const std::string& json_text);
/// A file path (JSON), a preset's name or a line of notation: whatever a person may type where a recipe is asked for.
[[nodiscard]] Recipe read_recipe(const std::string& file_or_line);
[[nodiscard]] std::string recipe_hash(const Recipe& recipe);

} // namespace graticule
