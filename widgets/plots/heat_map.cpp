// Cells coloured by a statistic: layers by kinds, tokens by channels, calibration length by evaluation length.
#include "widgets/models/number_text.h"
#include "widgets/plots/plot_builders.h"
#include "widgets/plots/scene_text.h"

#include <algorithm>
#include <cmath>

namespace graticule::plots {
namespace {

Span colour_range(const HeatMapData& data, const Span& values) {
    Span range = data.range.value_or(values);
    if (data.colours == CellColours::blue_orange) {
        const double reach = std::max(std::abs(range.lower), std::abs(range.upper));
        range = {-reach, reach};
    } else if (data.logarithmic && range.lower <= 0) {
        double least = range.upper;
        for (const double value : data.values)
            if (value > 0) least = std::min(least, value);
        range.lower = least;
    }
    return range;
}

QString heat_summary(const HeatMapData& data, const Span& values) {
    std::size_t worst = 0;
    for (std::size_t i = 0; i < data.values.size(); ++i)
        if (data.values[i] == (data.low_is_worse ? values.lower : values.upper)) worst = i;
    const std::size_t columns = data.columns.size();
    return QStringLiteral("%1: %2 by %3 cells from %4 to %5 %6; the %7 is %8, %9.")
        .arg(data.title)
        .arg(data.rows.size())
        .arg(columns)
        .arg(number_text(values.lower), number_text(values.upper), data.unit,
             data.low_is_worse ? QStringLiteral("smallest") : QStringLiteral("largest"), data.rows[worst / columns],
             data.columns[worst % columns]);
}

DataTable heat_table(const HeatMapData& data) {
    DataTable table;
    table.columns.push_back(data.row_label.isEmpty() ? QStringLiteral("row") : data.row_label);
    table.columns.insert(table.columns.end(), data.columns.begin(), data.columns.end());
    for (std::size_t r = 0; r < data.rows.size(); ++r) {
        std::vector<QString> row{data.rows[r]};
        for (std::size_t c = 0; c < data.columns.size(); ++c)
            row.push_back(plain_number(data.values[r * data.columns.size() + c]));
        table.rows.push_back(std::move(row));
    }
    return table;
}

} // namespace

PlotScene heat_map_scene(const HeatMapData& data) {
    const std::size_t count = data.rows.size() * data.columns.size();
    const auto values = finite_range(data.values);
    if (count == 0 || data.values.size() != count || !values)
        return empty_scene(
            data.title,
            data.values.size() == count
                ? QStringLiteral("No values for this heat map yet")
                : QStringLiteral("This heat map has %1 values for %2 cells").arg(data.values.size()).arg(count));
    PlotScene scene;
    scene.title = data.title;
    scene.subtitle = data.about;
    scene.caption = data.provenance.caption();
    scene.summary = heat_summary(data, *values);
    scene.x_key = QStringLiteral("heat/%1/%2x%3").arg(data.title).arg(data.rows.size()).arg(data.columns.size());
    scene.table = heat_table(data);
    Panel panel;
    panel.x.label = data.column_label;
    panel.x.names = data.columns;
    panel.x.span = {-0.5, double(data.columns.size()) - 0.5};
    panel.y.label = data.row_label;
    panel.y.names = data.rows;
    panel.y.span = {-0.5, double(data.rows.size()) - 0.5};
    HeatCells cells;
    cells.columns = data.columns.size();
    cells.rows = data.rows.size();
    cells.values = data.values;
    cells.range = colour_range(data, *values);
    cells.logarithmic = data.logarithmic && data.colours == CellColours::viridis;
    cells.colours = data.colours;
    cells.low_is_worse = data.low_is_worse;
    cells.marked = data.marked;
    cells.write_values = true;
    cells.decimals = data.decimals;
    cells.unit = data.unit;
    panel.cells = std::move(cells);
    scene.panels.push_back(std::move(panel));
    return scene;
}

} // namespace graticule::plots
