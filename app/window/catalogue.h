// The engine's registries as plain data for the forms.
#pragma once

#include <vector>

#include "widgets/forms/method_entry.h"

namespace graticule {

[[nodiscard]] std::vector<MethodEntry> method_entries();
[[nodiscard]] std::vector<PresetEntry> preset_entries();
[[nodiscard]] std::vector<ExporterEntry> exporter_entries();

} // namespace graticule
