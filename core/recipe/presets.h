// Recipes with a name: the settings of the papers, each with where it comes from.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/recipe/recipe.h"

namespace graticule {

struct Preset {
    std::string_view name;   ///< "aqas-w4a8"; may be typed wherever a recipe is asked for
    std::string_view line;   ///< the default's choice in the notation
    std::string_view help;   ///< one line
    std::string_view source; ///< paper, section or repository
};

[[nodiscard]] std::span<const Preset> all_presets();
[[nodiscard]] const Preset* find_preset(std::string_view name);
[[nodiscard]] Recipe recipe_of(const Preset& preset);

} // namespace graticule
