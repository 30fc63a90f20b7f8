// Editing several layers of a recipe at once: pure functions from a recipe to a recipe, so that every edit is one undo
// step.
#pragma once

#include <functional>
#include <vector>

#include "core/model/model.h"
#include "core/recipe/recipe.h"

namespace graticule {

/// Applies `edit` to the choice of each of `layers`, each keeping what the edit does not touch. Where the layers are
/// all that a rule (or the defaults) decides, that rule is changed; else rules are added at the end. Rules that decide
/// nothing any more because of the edit are dropped, and of several that it makes alike those that say nothing new.
[[nodiscard]] Recipe edit_layers(const Recipe& recipe, const Model& model, const std::vector<LayerId>& layers,
                                 const std::function<void(SchemeChoice&)>& edit);

} // namespace graticule
