// What was done in the window as a line for graticule-cli: the same verbs, the same bytes.
#pragma once

#include <QtCore/QString>

#include "core/recipe/recipe.h"
#include "widgets/panels/run_dialogs.h"

namespace graticule {

/// `model` as it was opened. A recipe with rules needs a file: `recipe_file` names it (the caller offers to save it).
[[nodiscard]] QString evaluate_command(const QString& model, const Recipe& recipe, bool full_precision,
                                       const EvaluationChoice& choice, const std::string& device,
                                       const QString& recipe_file);
[[nodiscard]] QString run_command(const QString& model, const Recipe& recipe, const QString& folder,
                                  const QString& recipe_file);
/// Whether the recipe says more than its defaults, so that one line cannot hold it.
[[nodiscard]] bool needs_file(const Recipe& recipe);
[[nodiscard]] QString shell_quoted(const QString& text);

} // namespace graticule
