// What a recipe comes to for every linear of a model.
#pragma once

#include <optional>
#include <vector>

#include "core/recipe/recipe.h"

namespace graticule {

using LayerChoices = std::vector<std::optional<SchemeChoice>>; ///< index = LayerId; absent: the linear stays as it is

} // namespace graticule
