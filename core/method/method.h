// Quantization methods as rows. A method belongs to one stage; a layer's recipe has at most one method a stage and the
// stages run in this order. No Torch here: the window's forms, the command line's help and resolve read these rows.
//
//     for (const MethodRow& row : all_methods()) std::cout << row.name << ": " << row.help << "\n";
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/param_spec.h"
#include "core/recipe/recipe.h"

namespace graticule {

enum class Stage : std::uint8_t {
    transform,  ///< moves scales between a norm or linear and the linears after it; exact with quantization off
    keep,       ///< chooses input channels that stay in 16 bits
    clip,       ///< narrows the range of the weights
    round,      ///< chooses the codes
    compensate, ///< adds what rounding lost in another form
};
[[nodiscard]] std::string_view to_text(Stage stage);

enum class Needs : std::uint8_t {
    nothing,    ///< the weights alone
    statistics, ///< per-channel statistics of the inputs
    samples,    ///< forward passes over the calibration samples
};

class Transform; // the implementations, core/method/stages.h
class ChannelChoice;
class Clip;
class Rounding;
class Compensation;

struct MethodRow {
    std::string_view name;  ///< in files and the notation: "smoothquant"
    std::string_view label; ///< on screen: "SmoothQuant"
    Stage stage = Stage::round;
    Needs needs = Needs::nothing;
    std::string_view help;   ///< one line: what it does
    std::string_view source; ///< paper, or repository and commit
    std::vector<ParamSpec> params;
    /// Empty when the method can work with this scheme, else why not and the way out. Null: works with every scheme.
    std::string (*check)(const QuantScheme& scheme) = nullptr;

    // One of these, by stage.
    const Transform* transform = nullptr;
    const ChannelChoice* keep = nullptr;
    const Clip* clip = nullptr;
    const Rounding* rounding = nullptr;
    const Compensation* compensation = nullptr;
};

[[nodiscard]] std::span<const MethodRow> all_methods();
[[nodiscard]] const MethodRow* find_method(std::string_view name);

/// What every parameter of `row` is when `set` is all that was said: reals as double, nothing missing.
[[nodiscard]] ParamMap complete_params(const MethodRow& row, const ParamMap& set);
/// `choice` without the parameters that have their default value: what reports show.
[[nodiscard]] SchemeChoice without_defaults(const SchemeChoice& choice);
/// The step of this stage, or null; every method name must be known.
[[nodiscard]] const MethodStep* step_of(const SchemeChoice& choice, Stage stage);

} // namespace graticule
