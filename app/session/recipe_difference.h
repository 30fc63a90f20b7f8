// What is different between two recipes, as lines of their texts.
#pragma once

#include <QtCore/QStringList>

#include "core/recipe/recipe.h"

namespace graticule {

/// The lines (core/recipe/recipe_text.h) that only one of them has, in the order of the texts: "− w=int4/..." of `a`,
/// "+ w=dint4/..." of `b`. Empty: they say the same.
[[nodiscard]] QStringList recipe_difference(const Recipe& a, const Recipe& b);

} // namespace graticule
