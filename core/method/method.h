// Quantization methods as rows. A method belongs to one stage (core/recipe/stage.h). No Torch here: the window's forms,
// the command line's help and resolve read these rows.
//
//     for (const MethodRow& row : all_methods()) std::cout << row.name << ": " << row.help << "\n";
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/param_spec.h"
#include "core/recipe/recipe.h"
#include "core/recipe/stage.h"
#include "core/result/stored_size.h"

namespace graticule {

enum class Needs : std::uint8_t {
    nothing,    ///< the weights alone
    statistics, ///< per-channel statistics of the inputs
    samples,    ///< forward passes over the calibration samples
};

class Transform; // what carries a method out, core/method/stages.h
class Rotation;
class ChannelChoice;
class Clip;
class Rounding;
class Compensation;

struct MethodRow {
    std::string_view name;  ///< in files and the notation: "smoothquant"
    std::string_view label; ///< on screen: "SmoothQuant"
    /// What carries it out; its type is the stage.
    std::variant<const Transform*, const Rotation*, const ChannelChoice*, const Clip*, const Rounding*,
                 const Compensation*>
        method;
    Needs needs = Needs::nothing;
    std::string_view help;   ///< one line: what it does
    std::string_view source; ///< paper, or repository and commit
    std::vector<ParamSpec> params;
    /// Empty when the method can work with this scheme, else why not and the way out. Null: works with every scheme.
    std::string (*check)(const QuantScheme& scheme) = nullptr;
    std::string_view brief = {}; ///< in a table without room: "SQ"; empty: its name is no longer than that

    [[nodiscard]] Stage stage() const { return Stage(method.index()); }
};

[[nodiscard]] std::span<const MethodRow> all_methods();
[[nodiscard]] const MethodRow* find_method(std::string_view name);

/// What every parameter of `row` is when `set` is all that was said: reals as double, nothing missing.
[[nodiscard]] ParamMap complete_params(const MethodRow& row, const ParamMap& set);
/// `choice` without the parameters that have their default value: what reports show.
[[nodiscard]] SchemeChoice without_defaults(const SchemeChoice& choice);
/// What a choice with complete parameters will store of a linear beside codes and scales. Absent where calibration
/// decides it (keep:rule=threshold).
[[nodiscard]] std::optional<StoredParts> expected_parts(const SchemeChoice& choice, const Linear& linear);
/// The step of this stage, or null; every method name must be known.
[[nodiscard]] const MethodStep* step_of(const SchemeChoice& choice, Stage stage);
/// Whether one of its methods fits itself to inputs; every method name must be known.
[[nodiscard]] bool uses_samples(const SchemeChoice& choice);

} // namespace graticule
