#include "app/window/catalogue.h"

#include "core/export/exporter.h"
#include "core/method/method.h"
#include "core/recipe/presets.h"
#include "widgets/models/qt_text.h"

namespace graticule {

std::vector<MethodEntry> method_entries() {
    std::vector<MethodEntry> entries;
    for (const MethodRow& row : all_methods())
        entries.push_back({row.stage(), qt_text(row.name), qt_text(row.label), qt_text(row.help), row.params});
    return entries;
}

std::vector<PresetEntry> preset_entries() {
    std::vector<PresetEntry> entries;
    for (const Preset& row : all_presets())
        entries.push_back({qt_text(row.name), qt_text(row.line), qt_text(row.help), qt_text(row.source)});
    return entries;
}

std::vector<ExporterEntry> exporter_entries() {
    std::vector<ExporterEntry> entries;
    for (const Exporter& row : all_exporters()) {
        ExporterEntry entry{qt_text(row.name), qt_text(row.label), qt_text(row.help), {}};
        for (const std::string_view loader : row.loaders) entry.loaders.push_back(qt_text(loader));
        entries.push_back(std::move(entry));
    }
    return entries;
}

} // namespace graticule
