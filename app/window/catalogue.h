// The engine's registries as plain data for the forms.
#pragma once

#include <vector>

#include "core/model/model.h"
#include "core/recipe/layer_choices.h"
#include "widgets/forms/method_entry.h"
#include "widgets/panels/task_panel.h"

namespace graticule {

[[nodiscard]] std::vector<MethodEntry> method_entries();
[[nodiscard]] std::vector<PresetEntry> preset_entries();
[[nodiscard]] std::vector<ExporterEntry> exporter_entries();
[[nodiscard]] std::vector<TaskEntry> task_entries();
/// What becomes of these choices in the programs that read an exporter's files.
[[nodiscard]] std::vector<TargetEntry> target_entries(const Model& model, const LayerChoices& choices,
                                                      const QString& exporter);
/// The same of every program, for the first of its exporters that can hold them; refused where none can.
[[nodiscard]] std::vector<TargetEntry> target_entries(const Model& model, const LayerChoices& choices);

} // namespace graticule
