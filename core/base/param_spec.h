// Description of one parameter of a method or exporter. The same rows drive the window's forms, the command line's
// help, the recipe notation and the JSON check.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

namespace graticule {

using ParamValue = std::variant<bool, std::int64_t, double, std::string>;
using ParamMap = std::map<std::string, ParamValue>; ///< only what was set; absent = the spec's default

enum class ParamKind { flag, integer, real, choice };

struct ParamSpec {
    std::string name;  ///< as in files and the notation: "alpha"
    std::string label; ///< as on screen
    ParamKind kind = ParamKind::real;
    ParamValue default_value;
    double minimum = 0; ///< inclusive; integer and real only
    double maximum = 0;
    std::vector<std::string> choices;            ///< choice only
    std::string help;                            ///< one line: meaning, unit, where it comes from
    std::vector<std::string> choice_labels = {}; ///< what each choice does, as on screen; empty: its name says it
};

[[nodiscard]] std::string to_text(const ParamValue& value); ///< as in the notation: 0.5, true, reference
/// Reads `text` as `spec` wants it. Throws Error{bad_input} naming the parameter, the text and the range.
[[nodiscard]] ParamValue parse_param(const ParamSpec& spec, const std::string& text);
/// Empty when `value` has the spec's kind and lies in its range, else what is wrong.
[[nodiscard]] std::string check_param(const ParamSpec& spec, const ParamValue& value);

} // namespace graticule
