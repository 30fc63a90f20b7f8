// What is different between two recipes, as lines of their texts.
#pragma once

#include <QtCore/QStringList>

#include "core/recipe/recipe.h"

namespace graticule {

/// The lines (core/recipe/recipe_text.h) that only one of them has, in the order of the texts: "− w=int4/..." of `a`,
/// "+ w=dint4/..." of `b`. Empty: they say the same.
[[nodiscard]] QStringList recipe_difference(const Recipe& a, const Recipe& b);

/// The recipe with `line`, as recipe_difference gives it without its sign: a rule for the same pattern is replaced in
/// its place, a new one comes last and so wins.
[[nodiscard]] Recipe with_line(Recipe recipe, const QString& line);
/// The recipe without that rule or ignored pattern; what holds for all layers cannot be left out and stays.
[[nodiscard]] Recipe without_line(Recipe recipe, const QString& line);

} // namespace graticule
