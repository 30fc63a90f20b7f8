// A statistic against sequence length: what calibrating at one length and running at another costs.
#include "widgets/models/number_text.h"
#include "widgets/plots/plot_builders.h"
#include "widgets/plots/scene_text.h"

#include <algorithm>
#include <cmath>

namespace graticule::plots {
namespace {

using theme::Token;

DataTable length_table(const SequenceLengthData& data) {
    DataTable table{{QStringLiteral("series"), QStringLiteral("length"), data.statistic}, {}};
    const auto spread = [](const LengthLine& line) { return !line.lower.empty(); };
    const bool spreads = std::any_of(data.lines.begin(), data.lines.end(), spread);
    if (spreads) table.columns.insert(table.columns.end(), {QStringLiteral("lower"), QStringLiteral("upper")});
    for (const auto* lines : {&data.lines, &data.ratios})
        for (const LengthLine& line : *lines)
            for (std::size_t i = 0; i < std::min(line.lengths.size(), line.values.size()); ++i) {
                std::vector<QString> row{line.name, plain_number(line.lengths[i]), plain_number(line.values[i])};
                if (spreads)
                    for (const auto* edge : {&line.lower, &line.upper})
                        row.push_back(i < edge->size() ? plain_number((*edge)[i]) : QString());
                table.rows.push_back(std::move(row));
            }
    return table;
}

void add_line(const LengthLine& line, const Ink& ink, Panel& panel, PlotScene& scene) {
    if (line.lower.size() == line.lengths.size() && !line.lower.empty()) {
        Series band = make_series(line.name, Mark::band, {ink.token, 0.14});
        band.x = line.lengths;
        band.y = line.upper;
        band.y0 = line.lower;
        band.hoverable = false;
        panel.series.push_back(std::move(band));
    }
    Series series = make_series(line.name, Mark::line, ink);
    for (std::size_t i = 0; i < std::min(line.lower.size(), line.upper.size()); ++i)
        series.suffixes.push_back(
            QStringLiteral("  (%1 to %2)").arg(number_text(line.lower[i]), number_text(line.upper[i])));
    series.x = line.lengths;
    series.y = line.values;
    series.dashed = line.dashed;
    Series dots = series;
    dots.mark = Mark::points;
    dots.hoverable = false;
    panel.series.push_back(std::move(series));
    panel.series.push_back(std::move(dots));
    scene.legend.push_back({.text = line.name, .ink = ink, .line = true, .dashed = line.dashed, .run = line.run});
}

/// Below the activations on the same lengths: ratios are no magnitudes, so they have an axis of their own.
Panel ratio_panel(const SequenceLengthData& data, const Axis& lengths, PlotScene& scene) {
    Panel panel;
    panel.x = lengths;
    panel.y.label = QStringLiteral("update ratio");
    panel.y.shorter = QStringLiteral("ratio");
    panel.height_share = 0.7;
    double top = 0;
    for (std::size_t i = 0; i < data.ratios.size(); ++i) {
        for (const double value : data.ratios[i].values) top = std::max(top, value);
        add_line(data.ratios[i], run_ink(data.lines.size() + i + 1), panel, scene);
    }
    panel.y.span = {0, top > 0 ? 1.1 * top : 1};
    return panel;
}

} // namespace

PlotScene sequence_length_scene(const SequenceLengthData& data) {
    std::vector<double> lengths, values;
    for (const LengthLine& line : data.lines) {
        for (std::size_t i = 0; i < std::min(line.lengths.size(), line.values.size()); ++i) {
            if (!(line.lengths[i] > 0) || !std::isfinite(line.values[i])) continue;
            lengths.push_back(line.lengths[i]);
            values.push_back(line.values[i]);
            for (const auto* edge : {&line.lower, &line.upper})
                if (i < edge->size()) values.push_back((*edge)[i]);
        }
    }
    for (const LengthLine& line : data.ratios) lengths.insert(lengths.end(), line.lengths.begin(), line.lengths.end());
    const auto across = finite_range(lengths), up = finite_range(values);
    if (!across || !up)
        return empty_scene(data.title,
                           QStringLiteral("No statistics by sequence length yet: calibrate with several lengths"));
    PlotScene scene;
    scene.title = data.title;
    scene.subtitle = data.about;
    scene.caption = data.provenance.caption();
    scene.summary = QStringLiteral("%1: %2 from %3 to %4 over lengths %5 to %6.")
                        .arg(data.title, data.statistic, number_text(up->lower), number_text(up->upper),
                             whole_text(across->lower), whole_text(across->upper));
    if (data.advised)
        scene.summary += QStringLiteral(" Advised length %1: %2.").arg(whole_text(*data.advised), data.reason);
    scene.x_key = QStringLiteral("length");
    scene.table = length_table(data);
    Panel panel;
    panel.x.label = QStringLiteral("sequence length, tokens");
    panel.x.symbol = QStringLiteral("length");
    panel.x.scale = Scale::log2;
    panel.x.whole = true;
    panel.x.span = {across->lower / 1.15, across->upper * 1.15};
    panel.y.label = data.statistic;
    const double room = std::max(up->width() * 0.1, std::abs(up->upper) * 0.02);
    // Magnitudes start at zero unless that would flatten the differences out of sight.
    const bool from_zero = up->lower >= 0 && up->lower < 0.6 * up->upper;
    panel.y.span = {from_zero ? 0 : up->lower - room, up->upper + room};
    if (up->lower > 0) panel.y.log_span = Span{up->lower / 1.4, up->upper * 1.4};
    for (std::size_t i = 0; i < data.lines.size(); ++i) add_line(data.lines[i], run_ink(i + 1), panel, scene);
    if (data.advised) {
        panel.levels.push_back({*data.advised, {Token::candidate, 0.9}, true});
        // In the legend, not at its line, where curves run; first, as the last have no room in a small plot.
        scene.legend.insert(scene.legend.begin(),
                            {QStringLiteral("advised %1: %2").arg(whole_text(*data.advised), data.reason),
                             {Token::candidate, 0.9},
                             true,
                             true});
    }
    const Axis shared = panel.x;
    scene.panels.push_back(std::move(panel));
    if (!data.ratios.empty()) scene.panels.push_back(ratio_panel(data, shared, scene));
    return scene;
}

} // namespace graticule::plots
