// formats: every number format there is, the block formats, how scales can be stored, and what a pair of formats costs
// in hardware where a unit was made for it.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "app/cli/command.h"
#include "app/cli/console.h"
#include "app/cli/table.h"
#include "core/format/mac_units.h"
#include "core/format/quant_format.h"
#include "core/format/scale_level.h"

namespace graticule::cli {
namespace {

const char* kind_text(FormatKind kind) {
    switch (kind) {
    case FormatKind::integer:
        return "integer";
    case FormatKind::dint:
        return "dint";
    case FormatKind::floating:
        return "float";
    }
    return "";
}

nlohmann::json describe(const QuantFormat& format) {
    const CodeGrid& grid = format.grid;
    nlohmann::json value = {{"name", format.name},
                            {"label", format.label},
                            {"kind", kind_text(format.kind)},
                            {"bits", format.bits},
                            {"levels", grid.levels},
                            {"codes", grid.code_count()},
                            {"asymmetric", format.allows_asymmetric},
                            {"help", format.help}};
    nlohmann::json specials = nlohmann::json::array(), table = nlohmann::json::array();
    for (int i = 0; i < grid.special_count; ++i) specials.push_back(grid.specials[static_cast<std::size_t>(i)]);
    if (grid.shape == CodeGrid::Shape::table)
        for (int i = 0; i < grid.levels; ++i) table.push_back(grid.table[static_cast<std::size_t>(i)]);
    value["specials"] = specials;
    value["table"] = table;
    nlohmann::json units = nlohmann::json::array();
    for (const MacUnit& unit : all_mac_units())
        if (unit.weights == format.name)
            units.push_back({{"unit", unit.unit},
                             {"label", unit.label},
                             {"inputs", unit.inputs},
                             {"dual_grain", unit.expands_groups},
                             {"relative_area", unit.area},
                             {"relative_power", unit.power},
                             {"source", mac_unit_source()}});
    value["units"] = units; // that multiply weights of this format
    return value;
}

nlohmann::json describe(const BlockFormat& block) {
    return {{"name", block.name},
            {"label", block.label},
            {"kind", "block"},
            {"format", block.format},
            {"scales", to_text(block.levels)},
            {"help", block.help}};
}

nlohmann::json describe(const CodingRow& coding) {
    return {{"name", coding.name}, {"kind", "scale coding"}, {"bits", coding.bits}, {"help", coding.help}};
}

std::string units_text() {
    Table table({{"unit"}, {"weights"}, {"inputs"}, {"area", Align::right}, {"power", Align::right}});
    for (const MacUnit& unit : all_mac_units())
        table.add({std::string(unit.label), std::string(unit.weights) + (unit.expands_groups ? ", dual grain" : ""),
                   std::string(unit.inputs), fixed(unit.area, 2), fixed(unit.power, 2)});
    return "\nOne multiply-accumulate unit, weights x inputs:\n" + table.text() + std::string(mac_unit_source()) +
           "\nno other pair has a unit that was measured\n";
}

} // namespace

Action declare_formats(CLI::App&) {
    return [](Console& console) {
        nlohmann::json all = nlohmann::json::array();
        Table table({{"format"}, {"kind"}, {"bits", Align::right}, {"codes", Align::right}, {"asym"}, {""}});
        for (const QuantFormat& format : all_formats()) {
            all.push_back(describe(format));
            table.add({std::string(format.name), kind_text(format.kind), std::to_string(format.bits),
                       std::to_string(format.grid.code_count()), format.allows_asymmetric ? "yes" : "no",
                       std::string(format.help)});
        }
        Table blocks({{"block format"}, {"is"}, {""}});
        for (const BlockFormat& block : all_block_formats()) {
            all.push_back(describe(block));
            blocks.add({std::string(block.name), std::string(block.format) + "/" + to_text(block.levels),
                        std::string(block.help)});
        }
        Table codings({{"scales stored as"}, {"bits", Align::right}, {""}});
        for (const CodingRow& coding : all_codings()) {
            all.push_back(describe(coding));
            codings.add({std::string(coding.name), std::to_string(coding.bits), std::string(coding.help)});
        }
        console.print_json(all);
        console.print(table.text() + "\n" + blocks.text() + "\n" + codings.text() + units_text());
    };
}

} // namespace graticule::cli
