#include "app/window/catalogue.h"

#include <QtCore/QStringList>

#include "core/base/error.h"
#include "core/engine/export.h"
#include "core/export/exporter.h"
#include "core/io/task_file.h"
#include "core/method/method.h"
#include "core/recipe/presets.h"
#include "widgets/models/qt_text.h"

namespace graticule {

std::vector<MethodEntry> method_entries() {
    std::vector<MethodEntry> entries;
    for (const MethodRow& row : all_methods())
        entries.push_back(
            {row.stage(), qt_text(row.name), qt_text(row.label), qt_text(row.help), row.params, qt_text(row.source)});
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

std::vector<TaskEntry> task_entries() {
    std::vector<TaskEntry> entries;
    for (const Task& row : all_tasks())
        entries.push_back({qt_text(row.name), qt_text(row.label), qt_text(row.reads), row.labels, row.examples});
    return entries;
}

namespace {

TargetEntry entry_of(const TargetReport& report) {
    QStringList lines;
    for (const std::string& line : to_lines(report)) lines << QString::fromStdString(line);
    return {qt_text(report.target->name),
            qt_text(report.target->label),
            qt_text(to_text(report.fate)),
            qt_text(report.target->basis),
            lines.join(u'\n'),
            !runs(report.fate)};
}

} // namespace

std::vector<TargetEntry> target_entries(const Model& model, const LayerChoices& choices, const QString& exporter) {
    std::vector<TargetEntry> entries;
    for (const TargetReport& report : target_reports(model, choices, exporter_named(exporter.toStdString())))
        entries.push_back(entry_of(report));
    return entries;
}

std::vector<TargetEntry> target_entries(const Model& model, const LayerChoices& choices) {
    std::vector<TargetEntry> entries;
    for (const Target& target : all_targets()) {
        try {
            const Exporter& exporter = check_served(model, choices, target);
            entries.push_back(entry_of(target_report(model, choices, exporter, target)));
        } catch (const Error& error) {
            entries.push_back({qt_text(target.name), qt_text(target.label), qt_text(to_text(Fate::refused)),
                               qt_text(target.basis), QString::fromStdString(error.info().message), true});
        }
    }
    return entries;
}

} // namespace graticule
