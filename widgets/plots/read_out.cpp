// What lies under the pointer. Kept apart from plot_view.cpp, which is about axes.
#include "widgets/models/number_text.h"
#include "widgets/plots/plot_fonts.h"
#include "widgets/plots/plot_view.h"

#include <algorithm>
#include <cmath>

namespace graticule::plots {
namespace {

constexpr double reach = 12; // how far, in pixels, a discrete mark is felt

struct Hit {
    std::size_t index = 0;
    double distance = 0; ///< pixels along x
    QPointF at;
};

double bar_left(const Series& series, std::size_t i) {
    return series.bar_width > 0 ? series.x[i] - series.bar_width / 2 : series.x[i];
}
double bar_right(const Series& series, std::size_t i) {
    return series.bar_width > 0 ? series.x[i] + series.bar_width / 2 : series.x[i + 1];
}

std::optional<Hit> hit_bar(const Series& series, const PanelFrame& frame, QPointF at) {
    const double x = frame.x.value(at.x());
    const std::size_t count = std::min(series.bar_width > 0 ? series.x.size()
                                       : series.x.empty()   ? 0
                                                            : series.x.size() - 1,
                                       series.y.size());
    for (std::size_t i = 0; i < count; ++i) {
        if (x < bar_left(series, i) || x >= bar_right(series, i) || std::isnan(series.y[i])) continue;
        const double top = frame.y.nearest_end(frame.y.pixel(series.y[i]));
        const double middle = frame.x.pixel((bar_left(series, i) + bar_right(series, i)) / 2);
        return Hit{i, 0, {middle, top}};
    }
    return std::nullopt;
}

std::optional<Hit> hit_point(const Series& series, const PanelFrame& frame, QPointF at) {
    std::optional<Hit> best;
    for (std::size_t i = 0; i < std::min(series.x.size(), series.y.size()); ++i) {
        if (std::isnan(series.y[i]) || !std::isfinite(series.x[i])) continue;
        const double x = frame.x.pixel(series.x[i]);
        if (x < frame.plot.left() - 1 || x > frame.plot.right() + 1) continue;
        const double distance = std::abs(x - at.x());
        if (!best || distance < best->distance)
            best = Hit{i, distance, {x, frame.y.nearest_end(frame.y.pixel(series.y[i]))}};
    }
    if (!best) return best;
    const bool continuous = series.mark == Mark::line || series.mark == Mark::band;
    const double allowed = continuous ? 1e9 : series.mark == Mark::stems ? 5 : reach;
    if (best->distance > allowed) return std::nullopt;
    if (series.mark == Mark::points && std::abs(best->at.y() - at.y()) > 2 * reach) return std::nullopt;
    return best;
}

std::optional<Hit> hit(const Series& series, const PanelFrame& frame, QPointF at) {
    const bool bars = series.mark == Mark::bars || series.mark == Mark::stairs || series.mark == Mark::ticks;
    return bars ? hit_bar(series, frame, at) : hit_point(series, frame, at);
}

QString axis_value(const Axis& axis, double value) {
    if (!axis.names.empty()) {
        const auto i = std::size_t(std::max(0.0, std::round(value)));
        return i < axis.names.size() ? axis.names[i] : QString();
    }
    QString text = axis.whole           ? whole_text(value)
                   : axis.decimals >= 0 ? fixed_text(value, axis.decimals)
                                        : number_text(value);
    if (!axis.symbol.isEmpty()) text = axis.symbol + QLatin1Char(' ') + text;
    return text;
}

QString value_text(const Series& series, double value) {
    const QString number = series.decimals >= 0 ? fixed_text(value, series.decimals) : number_text(value);
    if (!series.readout.isEmpty()) return QString(series.readout).replace(QStringLiteral("%1"), number);
    return series.name.isEmpty() ? number : series.name + QStringLiteral("  ") + number;
}

std::optional<ReadOut> cell_read_out(const Panel& panel, const PanelFrame& frame, QPointF at) {
    const HeatCells& cells = *panel.cells;
    const double column = std::round(frame.x.value(at.x())), row = std::round(frame.y.value(at.y()));
    if (column < 0 || row < 0 || column >= double(cells.columns) || row >= double(cells.rows)) return std::nullopt;
    const std::size_t index = std::size_t(row) * cells.columns + std::size_t(column);
    if (index >= cells.values.size()) return std::nullopt;
    ReadOut result;
    result.at = {frame.x.pixel(column), frame.y.pixel(row)};
    result.id = qint64(column);
    result.row = qint64(row);
    result.lines.push_back({axis_value(panel.y, row) + QStringLiteral(" · ") + axis_value(panel.x, column), {}});
    const double value = cells.values[index];
    const QString text = std::isnan(value) ? QStringLiteral("no value") : number_text(value);
    result.lines.push_back({cells.unit.isEmpty() ? text : text + QLatin1Char(' ') + cells.unit, {}});
    return result;
}

} // namespace

std::optional<ReadOut> read_out(const PlotScene& scene, const Picture& picture, QPointF at) {
    const auto index = panel_at(picture, at);
    if (!index || *index >= scene.panels.size()) return std::nullopt;
    const Panel& panel = scene.panels[*index];
    const PanelFrame& frame = picture.panels[*index];
    if (panel.cells) {
        auto result = cell_read_out(panel, frame, at);
        if (result) result->panel = *index;
        return result;
    }
    ReadOut result;
    result.panel = *index;
    double nearest = 1e9;
    QStringList details;
    for (const Series& series : panel.series) {
        if (!series.hoverable) continue;
        const auto found = hit(series, frame, at);
        if (!found) continue;
        const auto id = found->index < series.ids.size() ? series.ids[found->index] : qint64(found->index);
        const double distance = std::hypot(found->distance, 0.2 * (found->at.y() - at.y()));
        if (result.series.isNull() || distance < nearest) {
            nearest = distance;
            result.series = series.name.isNull() ? QStringLiteral("") : series.name;
            result.id = id;
            result.at = found->at;
        }
        // A stack's segments tell their own size, not how high the stack is there.
        const bool stacked = found->index < series.y0.size() && series.mark == Mark::bars;
        if (!stacked) result.marks.push_back(found->at);
        const double value = series.y[found->index] - (stacked ? series.y0[found->index] : 0);
        const QString suffix = found->index < series.suffixes.size() ? series.suffixes[found->index] : QString();
        result.lines.push_back({value_text(series, value) + suffix, series.ink});
        const std::size_t detail = series.details.size() == 1 ? std::size_t(0) : found->index;
        if (detail < series.details.size())
            details += series.details[detail].split(QLatin1Char('\n'), Qt::SkipEmptyParts);
    }
    if (result.lines.empty()) return std::nullopt;
    // Between whole numbers and names there is nothing to read: the guide snaps to the mark.
    result.guide = panel.x.names.empty() && !panel.x.whole ? at.x() : result.at.x();
    const double x = frame.x.value(result.guide);
    result.lines.insert(result.lines.begin(), ReadOutLine{axis_value(panel.x, x), {}});
    for (const QString& line : details) result.lines.push_back({line, {}});
    constexpr std::size_t most_lines = 14;
    if (result.lines.size() > most_lines) result.lines.resize(most_lines);
    return result;
}

std::vector<Primitive> read_out_card(const ReadOut& read_out, const Picture& picture, const theme::Theme& theme,
                                     QPointF pointer) {
    constexpr double padding = 9, swatch_room = 14;
    const double line_height = grown(17);
    const PanelFrame& frame = picture.panels[read_out.panel];
    std::vector<Primitive> result;
    const double guide = std::floor(read_out.guide) + 0.5;
    if (read_out.row < 0)
        result.push_back(Stroke{{guide, frame.plot.top()},
                                {guide, frame.plot.bottom()},
                                theme.faded(theme::Token::secondary, 0.7),
                                1,
                                true});
    for (const QPointF& mark : read_out.marks)
        result.push_back(Disc{mark, 3, theme[theme::Token::panel], theme[theme::Token::text]});
    double width = 0;
    bool swatches = false;
    for (const ReadOutLine& line : read_out.lines) {
        width = std::max(width, text_width(TextStyle::label, line.text));
        swatches = swatches || line.swatch;
    }
    const double indent = swatches ? swatch_room : 0;
    const QSizeF size(width + 2 * padding + indent, double(read_out.lines.size()) * line_height + 2 * padding - 4);
    double left = pointer.x() + 16, top = pointer.y() - size.height() - 10;
    if (left + size.width() > picture.size.width() - 4) left = pointer.x() - 16 - size.width();
    if (top < 4) top = pointer.y() + 16;
    left = std::clamp(left, 4.0, std::max(4.0, picture.size.width() - size.width() - 4));
    top = std::clamp(top, 4.0, std::max(4.0, picture.size.height() - size.height() - 4));
    const QPointF corner(std::round(left), std::round(top));
    result.push_back(Box{QRectF(corner, size), theme[theme::Token::header], theme[theme::Token::border], 5});
    double y = corner.y() + padding + grown(9.5);
    for (const ReadOutLine& line : read_out.lines) {
        if (line.swatch)
            result.push_back(Box{QRectF(corner.x() + padding, y - 8, 8, 8), resolve(*line.swatch, theme), {}, 2});
        result.push_back(Text{{corner.x() + padding + indent, y},
                              line.text,
                              theme[theme::Token::text],
                              TextStyle::label,
                              Across::left,
                              false});
        y += line_height;
    }
    return result;
}

} // namespace graticule::plots
