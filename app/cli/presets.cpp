// presets: recipes with a name.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "app/cli/command.h"
#include "app/cli/console.h"
#include "app/cli/table.h"
#include "core/recipe/presets.h"

namespace graticule::cli {
namespace {

using nlohmann::json;

void presets_command(Console& console) {
    json all = json::array();
    Table table({{"preset"}, {"recipe"}, {"from"}});
    for (const Preset& preset : all_presets()) {
        all.push_back({{"name", preset.name}, {"line", preset.line}, {"help", preset.help}, {"source", preset.source}});
        table.add({std::string(preset.name), std::string(preset.line), std::string(preset.source)});
    }
    console.print_json(all);
    console.print(table.text());
}

} // namespace

Action declare_presets(CLI::App&) { return presets_command; }

} // namespace graticule::cli
