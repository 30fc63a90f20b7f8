#include "widgets/plots/plot_marks.h"

#include "widgets/models/number_text.h"
#include "widgets/plots/decimate.h"
#include "widgets/plots/plot_fonts.h"
#include "widgets/theme/colour_map.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace graticule::plots {
namespace {

/// Liang-Barsky: the part of a segment inside `frame`, if any.
std::optional<std::pair<QPointF, QPointF>> clipped(QPointF from, QPointF to, const QRectF& frame) {
    double enter = 0, leave = 1;
    const QPointF d = to - from;
    const auto cut = [&](double direction, double distance) {
        if (direction == 0) return distance >= 0;
        const double at = distance / direction;
        if (direction < 0)
            enter = std::max(enter, at);
        else
            leave = std::min(leave, at);
        return true;
    };
    const bool crosses = cut(-d.x(), from.x() - frame.left()) && cut(d.x(), frame.right() - from.x()) &&
                         cut(-d.y(), from.y() - frame.top()) && cut(d.y(), frame.bottom() - from.y());
    if (!crosses || enter > leave) return std::nullopt;
    return std::pair{from + enter * d, from + leave * d};
}

struct BarEdges {
    std::vector<double> lefts, rights;
};

BarEdges bar_edges(const Series& series) {
    BarEdges edges;
    if (series.bar_width > 0) {
        for (const double centre : series.x) {
            edges.lefts.push_back(centre - series.bar_width / 2);
            edges.rights.push_back(centre + series.bar_width / 2);
        }
    } else if (series.x.size() > 1) {
        edges.lefts.assign(series.x.begin(), series.x.end() - 1);
        edges.rights.assign(series.x.begin() + 1, series.x.end());
    }
    return edges;
}

/// A grid that never has more cells than fit two to a pixel; bigger ones are merged, the value furthest from zero
/// survives.
struct CellGrid {
    std::size_t columns = 0, rows = 0;
    std::vector<double> values;
};

CellGrid reduced(const HeatCells& cells, const QRectF& plot) {
    constexpr std::size_t most_cells = 12000; // four vertices each, of 65,535
    std::size_t columns = std::min(cells.columns, std::size_t(std::max(1.0, plot.width())));
    std::size_t rows = std::min(cells.rows, std::size_t(std::max(1.0, plot.height())));
    while (columns * rows > most_cells) (columns > rows ? columns : rows) /= 2;
    CellGrid grid{columns, rows, std::vector<double>(columns * rows, not_a_number)};
    for (std::size_t r = 0; r < cells.rows; ++r) {
        for (std::size_t c = 0; c < cells.columns; ++c) {
            const double value = cells.values[r * cells.columns + c];
            double& kept = grid.values[(r * rows / cells.rows) * columns + c * columns / cells.columns];
            if (std::isnan(kept) || std::abs(value) > std::abs(kept)) kept = value;
        }
    }
    return grid;
}

double disc_radius(const Series& series) { return std::max(2.0, series.width * 2); }

double colour_share(const HeatCells& cells, double value) {
    const Scale scale = cells.logarithmic ? Scale::log10 : Scale::linear;
    const Span range = usable(scale, cells.range);
    const double lower = to_scale(scale, range.lower), upper = to_scale(scale, range.upper);
    if (std::isnan(value)) return value;
    return std::clamp((to_scale(scale, value) - lower) / (upper - lower), 0.0, 1.0);
}

} // namespace

QColor cell_colour(const HeatCells& cells, double value) {
    const double share = colour_share(cells, value);
    return cells.colours == CellColours::viridis ? theme::viridis(cells.low_is_worse ? 1 - share : share)
                                                 : theme::blue_orange(2 * share - 1);
}

void MarkPainter::box(QRectF rect, const QColor& fill, const QColor& outline) {
    rect = rect.normalized().intersected(frame_.plot);
    if (rect.isEmpty()) return;
    out_.push_back(Box{rect, fill, outline, 0});
}

void MarkPainter::stroke(QPointF from, QPointF to, const QColor& colour, double width, bool dashed) {
    if (const auto part = clipped(from, to, frame_.plot))
        out_.push_back(Stroke{part->first, part->second, colour, width, dashed});
}

void MarkPainter::polyline(const std::vector<QPointF>& points, const QColor& colour, double width, bool dashed) {
    std::vector<QPointF> run;
    const auto finish = [&] {
        if (run.size() > 1) out_.push_back(Polyline{std::move(run), colour, width, dashed});
        run.clear();
    };
    for (std::size_t i = 0; i + 1 < points.size(); ++i) {
        const auto part = clipped(points[i], points[i + 1], frame_.plot);
        if (!part) {
            finish();
            continue;
        }
        if (run.empty() || run.back() != part->first) {
            finish();
            run.push_back(part->first);
        }
        run.push_back(part->second);
        if (run.size() == most_polyline_points) {
            const QPointF last = run.back();
            finish();
            run.push_back(last);
        }
    }
    finish();
}

double MarkPainter::base_pixel(double bottom) const {
    const bool log = frame_.y.scale == Scale::log10 || frame_.y.scale == Scale::log2;
    if (std::isnan(bottom)) bottom = 0;
    return log && bottom <= 0 ? frame_.y.first : frame_.y.nearest_end(frame_.y.pixel(bottom));
}

void MarkPainter::cells(const HeatCells& cells) {
    if (cells.columns == 0 || cells.rows == 0 || cells.values.size() < cells.columns * cells.rows) return;
    const CellGrid grid = reduced(cells, frame_.plot);
    const double column_width = double(cells.columns) / double(grid.columns);
    const double row_height = double(cells.rows) / double(grid.rows);
    for (std::size_t r = 0; r < grid.rows; ++r) {
        for (std::size_t c = 0; c < grid.columns; ++c) {
            const double value = grid.values[r * grid.columns + c];
            const QColor fill = cell_colour(cells, value);
            if (fill.alpha() == 0) continue;
            const QPointF a(std::round(frame_.x.pixel(double(c) * column_width - 0.5)),
                            std::round(frame_.y.pixel(double(r) * row_height - 0.5)));
            const QPointF b(std::round(frame_.x.pixel(double(c + 1) * column_width - 0.5)),
                            std::round(frame_.y.pixel(double(r + 1) * row_height - 0.5)));
            const double gap = std::abs(b.x() - a.x()) > 14 && std::abs(b.y() - a.y()) > 12 ? 1 : 0;
            box(QRectF(a, b).normalized().adjusted(0, 0, -gap, -gap), fill);
            const QString text = cells.write_values ? fixed_text(value, cells.decimals) : QString();
            const double room = std::abs(b.x() - a.x()) - 6;
            if (text.isEmpty() || std::abs(b.y() - a.y()) < 15 || text_width(TextStyle::axis, text) > room) continue;
            const QColor ink = theme::contrast(Qt::white, fill) > theme::contrast(QColor(6, 8, 11), fill)
                                   ? QColor(Qt::white)
                                   : QColor(6, 8, 11);
            const QPointF middle((a.x() + b.x()) / 2, (a.y() + b.y()) / 2 + text_ascent(TextStyle::axis) / 2 - 1.5);
            if (frame_.plot.contains(QRectF(a, b).normalized().center()))
                out_.push_back(Text{middle, text, ink, TextStyle::axis, Across::centre, false});
        }
    }
    for (const auto& [row, column] : cells.marked) { // a light and a dark frame: one of them is seen on every colour
        const QRectF cell = QRectF(QPointF(frame_.x.pixel(double(column) - 0.5), frame_.y.pixel(double(row) - 0.5)),
                                   QPointF(frame_.x.pixel(double(column) + 0.5), frame_.y.pixel(double(row) + 0.5)))
                                .normalized();
        box(cell, Qt::transparent, theme_[theme::Token::text]);
        box(cell.adjusted(1, 1, -1, -1), Qt::transparent, theme_[theme::Token::panel]);
        box(cell.adjusted(2, 2, -2, -2), Qt::transparent, theme_[theme::Token::text]);
    }
}

void MarkPainter::range_shade(const ShadedRange& range) {
    const double left = frame_.x.pixel(range.lower), right = frame_.x.pixel(range.upper);
    box(QRectF(QPointF(left, frame_.plot.top()), QPointF(right, frame_.plot.bottom())), resolve(range.ink, theme_));
    if (!range.edge_ink) return;
    for (const double x : {left, right})
        stroke({std::round(x) + 0.5, frame_.plot.top()}, {std::round(x) + 0.5, frame_.plot.bottom()},
               resolve(*range.edge_ink, theme_), 1, true);
}

void MarkPainter::series(const Series& series) {
    switch (series.mark) {
    case Mark::bars:
        return bars(series);
    case Mark::stairs:
        return stairs(series);
    case Mark::line:
        return line(series);
    case Mark::band:
        return band(series);
    case Mark::points:
        return points(series);
    case Mark::ticks:
        return ticks(series);
    case Mark::stems:
        return stems(series);
    }
}

void MarkPainter::bars(const Series& series) {
    const BarEdges edges = bar_edges(series);
    const QColor colour = resolve(series.ink, theme_);
    for (const PixelBar& bar : decimate_bars(edges.lefts, edges.rights, series.y, series.y0, frame_.x)) {
        const double top = frame_.y.nearest_end(frame_.y.pixel(bar.top));
        double left = std::round(bar.left), right = std::max(left + 1, std::round(bar.right));
        if (right - left >= 3) right -= 1;
        double base = base_pixel(bar.bottom);
        if (std::abs(base - top) < 0.25) continue;
        // A share too small for a pixel still shows that there is something.
        if (std::abs(base - top) < 1) base = top + (base > top ? 1 : -1);
        const QRectF rect = QRectF(QPointF(left, top), QPointF(right, base)).normalized();
        if (series.hollow)
            box(rect, {}, colour);
        else
            box(rect, colour);
    }
}

void MarkPainter::stairs(const Series& series) {
    const BarEdges edges = bar_edges(series);
    std::vector<QPointF> outline;
    const double base = base_pixel(not_a_number);
    for (const PixelBar& bar : decimate_bars(edges.lefts, edges.rights, series.y, series.y0, frame_.x)) {
        const double top = frame_.y.nearest_end(frame_.y.pixel(bar.top));
        const bool adjoins = !outline.empty() && std::abs(outline.back().x() - bar.left) < 1.01;
        if (!adjoins) {
            if (!outline.empty()) outline.emplace_back(outline.back().x(), base);
            outline.emplace_back(bar.left, base);
        }
        outline.emplace_back(bar.left, top);
        outline.emplace_back(bar.right, top);
    }
    if (!outline.empty()) outline.emplace_back(outline.back().x(), base);
    polyline(outline, resolve(series.ink, theme_), series.width, series.dashed);
}

void MarkPainter::line(const Series& series) {
    const QColor colour = resolve(series.ink, theme_);
    for (const auto& run : decimate_line(series.x, series.y, frame_.x, frame_.y)) {
        if (run.size() == 1 && frame_.plot.contains(run.front()))
            out_.push_back(Disc{run.front(), std::max(1.5, series.width), colour, {}});
        else
            polyline(run, colour, series.width, series.dashed);
    }
}

void MarkPainter::band(const Series& series) {
    struct Column {
        double upper = 0, lower = 0;
        bool used = false;
    };
    const QRectF& plot = frame_.plot;
    std::vector<Column> columns(std::size_t(std::max(1.0, plot.width())) + 1);
    const auto in_frame = [&](double value) { return std::clamp(frame_.y.pixel(value), plot.top(), plot.bottom()); };
    Ribbon ribbon{{}, {}, resolve(series.ink, theme_)};
    const auto finish = [&] {
        if (ribbon.upper.size() > 1) out_.push_back(ribbon);
        ribbon.upper.clear();
        ribbon.lower.clear();
    };
    double last_column = -1;
    for (std::size_t i = 0; i < std::min({series.x.size(), series.y.size(), series.y0.size()}); ++i) {
        if (std::isnan(series.y[i]) || std::isnan(series.y0[i]) || !std::isfinite(series.x[i])) {
            finish();
            continue;
        }
        const double x = frame_.x.pixel(series.x[i]);
        if (x < plot.left() || x > plot.right()) continue;
        const double upper = in_frame(series.y[i]), lower = in_frame(series.y0[i]);
        if (std::floor(x) == last_column && !ribbon.upper.empty()) {
            ribbon.upper.back().setY(std::min(ribbon.upper.back().y(), upper));
            ribbon.lower.back().setY(std::max(ribbon.lower.back().y(), lower));
            continue;
        }
        last_column = std::floor(x);
        ribbon.upper.emplace_back(x, upper);
        ribbon.lower.emplace_back(x, lower);
        if (ribbon.upper.size() == most_polyline_points / 2) {
            const QPointF u = ribbon.upper.back(), l = ribbon.lower.back();
            finish();
            ribbon.upper.push_back(u);
            ribbon.lower.push_back(l);
        }
    }
    finish();
}

void MarkPainter::points(const Series& series) {
    const QColor colour = resolve(series.ink, theme_);
    for (const std::size_t i : decimate_points(series.x, series.y, frame_.x)) {
        const QPointF at(frame_.x.pixel(series.x[i]), frame_.y.pixel(series.y[i]));
        if (!frame_.plot.adjusted(-1, -1, 1, 1).contains(at)) continue;
        const double radius = disc_radius(series);
        taken_.emplace_back(at.x() - radius, at.y() - radius, 2 * radius, 2 * radius); // labels keep clear of it
        out_.push_back(series.hollow ? Disc{at, radius, {}, colour} : Disc{at, radius, colour, {}});
    }
}

void MarkPainter::ticks(const Series& series) {
    const BarEdges edges = bar_edges(series);
    for (const PixelBar& bar : decimate_bars(edges.lefts, edges.rights, series.y, series.y0, frame_.x)) {
        const double y = std::round(frame_.y.nearest_end(frame_.y.pixel(bar.top)));
        const double left = std::round(bar.left) - 1, right = std::max(left + 3, std::round(bar.right));
        // A line on a ground of its own: it is seen on every colour.
        box(QRectF(left, y - 2, right - left, 4), theme_[theme::Token::panel]);
        box(QRectF(left, y - 1, right - left, 2), resolve(series.ink, theme_));
    }
}

void MarkPainter::stems(const Series& series) {
    const QColor colour = resolve(series.ink, theme_);
    const double base = base_pixel(0);
    for (const std::size_t i : decimate_points(series.x, series.y, frame_.x)) {
        const double x = frame_.x.pixel(series.x[i]), top = frame_.y.nearest_end(frame_.y.pixel(series.y[i]));
        const double left = std::round(x - series.width / 2);
        const QRectF rect = QRectF(QPointF(left, top), QPointF(left + std::max(1.0, std::round(series.width)), base));
        box(rect.normalized(), colour);
        taken_.push_back(rect.normalized()); // labels keep clear of it
    }
}

void MarkPainter::level(const LevelLine& level) {
    const double x = std::floor(frame_.x.pixel(level.x)) + 0.5;
    stroke({x, frame_.plot.top()}, {x, frame_.plot.bottom()}, resolve(level.ink, theme_), 1, level.dashed);
}

bool MarkPainter::place_text(QPointF at, const QString& text, const QColor& colour, Across across, bool must) {
    const TextStyle style = TextStyle::axis;
    const double width = text_width(style, text), ascent = text_ascent(style);
    const double left = across == Across::left ? at.x() : across == Across::right ? at.x() - width : at.x() - width / 2;
    const QRectF rect(left - 3, at.y() - ascent, width + 6, ascent + text_descent(style));
    const bool overlaps =
        std::any_of(taken_.begin(), taken_.end(), [&](const QRectF& r) { return r.intersects(rect); });
    if (overlaps && !must) return false;
    QColor backing = theme_[theme::Token::panel];
    backing.setAlphaF(0.82f);
    const QRectF behind = rect.intersected(frame_.plot);
    if (!behind.isEmpty()) out_.push_back(Box{behind, backing, {}, 2});
    out_.push_back(Text{at, text, colour, style, across, false});
    taken_.push_back(rect);
    return true;
}

void MarkPainter::threshold(const Threshold& threshold) {
    const double y = std::floor(frame_.y.pixel(threshold.y)) + 0.5;
    if (y < frame_.plot.top() || y > frame_.plot.bottom()) return;
    const QColor colour = resolve(threshold.ink, theme_);
    stroke({frame_.plot.left(), y}, {frame_.plot.right(), y}, colour, 1, true);
}

void MarkPainter::range_label(const ShadedRange& range, int row) {
    const double left = frame_.x.pixel(range.lower), right = frame_.x.pixel(range.upper);
    if (right < frame_.plot.left() || left > frame_.plot.right() || !(right > left)) return;
    const double middle = frame_.plot.top() + grown(14 + 17 * row);
    if (middle + grown(8) > frame_.plot.bottom()) return; // a small plot: the read-out and the table say it
    const QColor colour = range.edge_ink ? resolve(*range.edge_ink, theme_) : resolve({range.ink.token, 1}, theme_);
    const double width = text_width(TextStyle::axis, range.label);
    const double baseline = middle + text_ascent(TextStyle::axis) / 2 - 1.5;
    const double reach = 34;
    const bool to_the_right = std::max(right, frame_.plot.left()) + reach + width + 4 < frame_.plot.right();
    const double start = to_the_right ? std::max(right, frame_.plot.left()) : std::min(left, frame_.plot.right());
    double end = to_the_right ? start + reach - 4 : start - reach + 4;
    // Labels of neighbouring ranges line up.
    if (to_the_right && label_column_ > end && label_column_ - end < 3 * reach &&
        label_column_ + width < frame_.plot.right())
        end = label_column_;
    if (to_the_right) label_column_ = end;
    if (!to_the_right && end - width < frame_.plot.left()) {
        // Neither side has room: over the band itself, without a leader.
        const double x = std::clamp((left + right) / 2, frame_.plot.left() + width / 2 + 4,
                                    std::max(frame_.plot.left() + width / 2 + 4, frame_.plot.right() - width / 2 - 4));
        place_text({x, baseline}, range.label, colour, Across::centre, true);
        return;
    }
    // Level lines run behind the words, not through them.
    const double text_left = to_the_right ? end + 1 : end - 7 - width;
    out_.push_back(Box{
        QRectF(text_left, middle - grown(8), width + 6, grown(16)), theme_.faded(theme::Token::panel, 0.78), {}, 3});
    place_text({end + (to_the_right ? 4 : -4), baseline}, range.label, colour,
               to_the_right ? Across::left : Across::right, true);
    stroke({start, std::floor(middle) + 0.5}, {end, std::floor(middle) + 0.5}, colour, 1, false);
}

void MarkPainter::point_labels(const Series& series) {
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < std::min({series.x.size(), series.y.size(), series.labels.size()}); ++i)
        if (!series.labels[i].isEmpty() && std::isfinite(series.y[i])) order.push_back(i);
    if (series.mark == Mark::stems) // the tallest are named first; points as their series has them
        std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return series.y[a] > series.y[b]; });
    constexpr std::size_t most_labels = 64;
    constexpr double widest_label = 0.4; // of the frame
    if (order.size() > most_labels) order.resize(most_labels);
    const QColor colour = resolve({series.ink.token, 1}, theme_);
    for (const std::size_t i : order) {
        const double x = frame_.x.pixel(series.x[i]);
        if (x < frame_.plot.left() || x > frame_.plot.right()) continue;
        const QPointF at(x, frame_.y.nearest_end(frame_.y.pixel(series.y[i])));
        QStringList texts{series.labels[i]};
        if (i < series.shorter_labels.size()) texts << series.shorter_labels[i];
        const auto room = texts.size() > 1 ? frame_.plot.width() * widest_label : HUGE_VAL; // the others want theirs
        for (const QString& text : texts)
            if ((text == texts.back() || text_width(TextStyle::axis, text) <= room) &&
                label_point(series, at, text, colour))
                break;
    }
}

// Above its mark, beside it or below it: where there is room inside the frame and nothing in the way.
bool MarkPainter::label_point(const Series& series, QPointF at, const QString& text, const QColor& colour) {
    const QRectF& plot = frame_.plot;
    const bool stem = series.mark == Mark::stems;
    const double ascent = text_ascent(TextStyle::axis), width = text_width(TextStyle::axis, text);
    const double beside = stem ? series.width / 2 + 4 : disc_radius(series) + 5;
    const double above = stem ? 4 : disc_radius(series) + 4;
    const double half = width / 2; // not over the axis beside the frame
    const double middle = std::clamp(at.x(), plot.left() + half, std::max(plot.left() + half, plot.right() - half));
    const double level = stem ? at.y() + ascent : at.y() + ascent / 2 - 1.5;
    struct Place {
        QPointF at;
        Across across;
        bool leader = false; // a line leads from the text down to the mark
    };
    std::vector<Place> places{{{middle, at.y() - above}, Across::centre},
                              {{at.x() + beside, level}, Across::left},
                              {{at.x() - beside, level}, Across::right}};
    if (!stem) {
        places.push_back({{middle, at.y() + above + ascent}, Across::centre});
        const double line = ascent + text_descent(TextStyle::axis) + 2;
        for (const int lines : {1, 2})
            places.push_back({{middle, at.y() - above - lines * line}, Across::centre, true});
    }
    for (const Place& place : places) {
        const double left = place.across == Across::left    ? place.at.x()
                            : place.across == Across::right ? place.at.x() - width
                                                            : place.at.x() - half;
        constexpr double over_the_edge = 4; // of the frame, where nothing else is drawn
        const bool inside = left >= plot.left() - 1 && left + width <= plot.right() + 1 &&
                            place.at.y() - ascent >= plot.top() - over_the_edge && place.at.y() <= plot.bottom();
        if (!inside || !place_text(place.at, text, colour, place.across, false)) continue;
        if (place.leader)
            stroke({at.x(), place.at.y() + text_descent(TextStyle::axis)}, {at.x(), at.y() - disc_radius(series)},
                   colour, 1, false);
        return true;
    }
    return false;
}

void MarkPainter::note(const Note& note) {
    const QPointF at(frame_.plot.left() + note.x * frame_.plot.width(),
                     frame_.plot.top() + std::max(note.y * frame_.plot.height(), text_ascent(TextStyle::axis) + 2));
    const Across across = note.x < 0.34 ? Across::left : note.x > 0.66 ? Across::right : Across::centre;
    const double line = text_ascent(TextStyle::axis) + text_descent(TextStyle::axis) + 1;
    constexpr int most_lines = 4; // that it gives way to other texts
    for (int lines = 0; lines <= most_lines; ++lines)
        if (place_text(at + QPointF(0, lines * line), note.text, resolve(note.ink, theme_), across,
                       lines == most_lines))
            return;
}

} // namespace graticule::plots
