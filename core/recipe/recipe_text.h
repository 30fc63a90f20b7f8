// A whole recipe as text that a person keeps: one line per decision, comments and order are theirs (docs/recipes.md).
//
//     # values are what hurts here
//     w=int4/asym/g128 a=int8/sym/token gptq
//     calibration: samples=16, length=512
//     *.v_proj => w=dint4/asym/channel a=int8/sym/token     # section 4.2
//     /layers\.[0-3]\./ => w=int8/sym/channel
//     lm_head => ignore
//
// The document and the recipe are two views of one thing: `parse_recipe_text` reads it, `with_recipe` writes a changed
// recipe into it and leaves everything else as it was.
#pragma once

#include <string>

#include "core/recipe/recipe.h"

namespace graticule {

/// The recipe without comments. Its name is no part of the text.
[[nodiscard]] std::string recipe_text(const Recipe& recipe);

/// The first line without an arrow holds for every layer; it may be a preset's name. Throws Error{bad_input} naming the
/// line and what is wrong with it. What is left out is the default's; a text without any decision is an error.
[[nodiscard]] Recipe parse_recipe_text(const std::string& text);

/// Whether it has a line for the calibration; without one the recipe has the default's. Throws as parse_recipe_text.
[[nodiscard]] bool says_calibration(const std::string& text);

/// `text` saying `recipe`: lines that hold still stand as they are typed, changed ones are rewritten in their place,
/// new rules come where the recipe has them, comments all stay. A `text` that cannot be read is replaced.
[[nodiscard]] std::string with_recipe(const std::string& text, const Recipe& recipe);

} // namespace graticule
