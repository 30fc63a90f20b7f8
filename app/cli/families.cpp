// families: which model architectures are understood.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "app/cli/command.h"
#include "app/cli/console.h"
#include "app/cli/table.h"
#include "core/model/family.h"

namespace graticule::cli {

Action declare_families(CLI::App&) {
    return [](Console& console) {
        nlohmann::json all = nlohmann::json::array();
        Table table({{"family"}, {"model_type"}, {""}});
        for (const ModelFamily& family : all_families()) {
            all.push_back({{"name", family.name},
                           {"label", family.label},
                           {"model_types", family.model_types},
                           {"help", family.help}});
            std::string types;
            for (const std::string_view type : family.model_types)
                types += (types.empty() ? "" : ", ") + std::string(type);
            table.add({std::string(family.label), types, std::string(family.help)});
        }
        console.print_json(all);
        console.print(table.text());
    };
}

} // namespace graticule::cli
