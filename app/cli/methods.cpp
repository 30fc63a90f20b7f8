// methods: what a recipe can ask for.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "app/cli/command.h"
#include "app/cli/console.h"
#include "app/cli/table.h"
#include "core/method/method.h"
#include "core/report/json_results.h"

namespace graticule::cli {
namespace {

using nlohmann::json;

const char* needs_text(Needs needs) {
    switch (needs) {
    case Needs::nothing:
        return "weights";
    case Needs::statistics:
        return "statistics";
    case Needs::samples:
        return "samples";
    }
    return "";
}

void methods_command(Console& console) {
    json all = json::array();
    Table table({{"method"}, {"stage"}, {"works from"}, {"parameters"}, {""}});
    for (const MethodRow& row : all_methods()) {
        json params = json::array();
        std::string texts;
        for (const ParamSpec& spec : row.params) {
            params.push_back(to_json(spec));
            texts += (texts.empty() ? "" : ",") + spec.name + "=" + to_text(spec.default_value);
        }
        all.push_back({{"name", row.name},
                       {"label", row.label},
                       {"stage", to_text(row.stage())},
                       {"needs", needs_text(row.needs)},
                       {"help", row.help},
                       {"source", row.source},
                       {"params", params}});
        table.add({std::string(row.name), std::string(to_text(row.stage())), needs_text(row.needs), texts,
                   std::string(row.help)});
    }
    console.print_json(all);
    console.print(table.text() +
                  "\nIn a recipe: NAME:parameter=value,parameter=value; what is left out has the default "
                  "shown. --json tells ranges and sources.\n");
}

} // namespace

Action declare_methods(CLI::App&) { return methods_command; }

} // namespace graticule::cli
