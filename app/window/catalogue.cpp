#include "app/window/catalogue.h"

#include "core/export/exporter.h"
#include "core/method/method.h"

namespace graticule {

namespace {
QString qs(std::string_view text) { return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size())); }
} // namespace

std::vector<MethodEntry> method_entries() {
    std::vector<MethodEntry> entries;
    for (const MethodRow& row : all_methods())
        entries.push_back({row.stage(), qs(row.name), qs(row.label), qs(row.help), row.params});
    return entries;
}

std::vector<ExporterEntry> exporter_entries() {
    std::vector<ExporterEntry> entries;
    for (const Exporter& row : all_exporters()) {
        ExporterEntry entry{qs(row.name), qs(row.label), qs(row.help), {}};
        for (const std::string_view loader : row.loaders) entry.loaders.push_back(qs(loader));
        entries.push_back(std::move(entry));
    }
    return entries;
}

} // namespace graticule
