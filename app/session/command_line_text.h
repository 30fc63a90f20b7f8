// What is done in the window as a line for graticule-cli: the same verbs, the same bytes.
#pragma once

#include <QtCore/QString>

#include "core/base/execution.h"
#include "core/recipe/recipe.h"
#include "widgets/panels/run_dialogs.h"

namespace graticule {

/// Calibrate, quantize, evaluate beside full precision, compare, export into `folder`. `model` as it was opened.
[[nodiscard]] QString run_command(const QString& model, const Recipe& recipe, const EvaluationChoice& choice,
                                  const QString& folder, const std::string& device, const Execution& execution = {});
/// Evaluate the model as it is.
[[nodiscard]] QString evaluate_command(const QString& model, const EvaluationChoice& choice, const std::string& device,
                                       const Execution& execution = {});
/// Evaluate a recipe as a target (Target::name) serves it.
[[nodiscard]] QString served_command(const QString& model, const Recipe& recipe, const QString& target,
                                     const EvaluationChoice& choice, const std::string& device,
                                     const Execution& execution = {});
/// Evaluate on another machine: by the worker that `command` starts, of the model that lies there at `path`. `recipe`
/// null: the model as it is; `target` empty: as the recipe says.
[[nodiscard]] QString elsewhere_command(const QString& model, const Recipe* recipe, const QString& target,
                                        const EvaluationChoice& choice, const QString& command, const QString& path,
                                        const std::string& device, const Execution& execution = {});
[[nodiscard]] QString shell_quoted(const QString& text);

} // namespace graticule
