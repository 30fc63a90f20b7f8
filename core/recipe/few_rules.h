// Rules for layers that are known by name: patterns that match them and no others, and a recipe from what every linear
// is to have, the inverse of core/recipe/layer_rules.h.
#pragma once

#include <string>
#include <vector>

#include "core/model/model.h"
#include "core/recipe/recipe.h"

namespace graticule {

/// The fewest patterns found that match these layers and no others: all, roles ("*.{q_proj,k_proj,v_proj}"), blocks,
/// roles in some blocks, several of those, or name by name.
[[nodiscard]] std::vector<std::string> patterns_for(const Model& model, const std::vector<LayerId>& layers);

/// `choices`: index = LayerId. The default is the choice that leaves the fewest rules, and no two rules match one
/// linear. Only defaults and rules are set.
[[nodiscard]] Recipe recipe_with_few_rules(const Model& model, const std::vector<SchemeChoice>& choices);

} // namespace graticule
