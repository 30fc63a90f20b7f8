// exporters: what a quantized model can be written as, and who reads it.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "app/cli/command.h"
#include "app/cli/console.h"
#include "app/cli/table.h"
#include "core/export/exporter.h"
#include "core/report/json_results.h"

namespace graticule::cli {

Action declare_exporters(CLI::App&) {
    return [](Console& console) {
        nlohmann::json all = nlohmann::json::array();
        Table table({{"exporter"}, {"read by"}, {""}});
        for (const Exporter& exporter : all_exporters()) {
            nlohmann::json params = nlohmann::json::array();
            for (const ParamSpec& spec : exporter.params) params.push_back(to_json(spec));
            all.push_back({{"name", exporter.name},
                           {"label", exporter.label},
                           {"loaders", exporter.loaders},
                           {"params", params},
                           {"help", exporter.help}});
            std::string loaders;
            for (const std::string_view loader : exporter.loaders)
                loaders += (loaders.empty() ? "" : ", ") + std::string(loader);
            table.add({std::string(exporter.name), loaders, std::string(exporter.help)});
        }
        console.print_json(all);
        console.print(table.text());
    };
}

} // namespace graticule::cli
