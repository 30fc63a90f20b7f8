// A recipe from what every linear is to have: the inverse of core/recipe/layer_rules.h, in few rules.
#pragma once

#include <vector>

#include "core/model/model.h"
#include "core/recipe/recipe.h"

namespace graticule {

/// `choices`: index = LayerId. The default is the choice that leaves the fewest rules; a rule's pattern names blocks
/// and kinds of linears ("layers.{0,7}.mlp.{up_proj,gate_proj}"), and no two rules match one linear. Only defaults and
/// rules are set.
[[nodiscard]] Recipe recipe_with_few_rules(const Model& model, const std::vector<SchemeChoice>& choices);

} // namespace graticule
