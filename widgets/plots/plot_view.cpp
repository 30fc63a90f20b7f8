#include "widgets/plots/plot_view.h"

#include <algorithm>
#include <cmath>

namespace graticule::plots {
namespace {

/// The span between two places on an axis, kept inside the whole and not too narrow.
Span limited(const AxisMap& map, const Span& whole, double from_scale_coordinate, double to_scale_coordinate) {
    const double lower = to_scale(map.scale, whole.lower, map.linear_part);
    const double upper = to_scale(map.scale, whole.upper, map.linear_part);
    double a = from_scale_coordinate, b = to_scale_coordinate;
    const double least = (upper - lower) * 1e-6, most = upper - lower;
    double width = std::clamp(b - a, least, most);
    const double middle = (a + b) / 2;
    a = std::clamp(middle - width / 2, lower, upper - width);
    b = a + width;
    return {from_scale(map.scale, a, map.linear_part), from_scale(map.scale, b, map.linear_part)};
}

Span whole_x(const PlotScene& scene, std::size_t panel) { return x_map(scene, panel, View{}, 0, 1).span; }

Span whole_y(const PlotScene& scene, std::size_t panel, const View& view) {
    View whole;
    whole.logarithmic = view.logarithmic;
    return y_map(scene, panel, whole, 0, 1).span;
}

void set_y(View& view, std::size_t panel, const Span& span) {
    if (view.y.size() <= panel) view.y.resize(panel + 1);
    view.y[panel] = span;
}

bool has_x(Direction direction) { return direction != Direction::y; }
bool has_y(Direction direction) { return direction != Direction::x; }

Span scaled(const AxisMap& map, const Span& whole, double pixel, double factor) {
    const double lower = to_scale(map.scale, map.span.lower, map.linear_part);
    const double upper = to_scale(map.scale, map.span.upper, map.linear_part);
    const double share = map.last != map.first ? (pixel - map.first) / (map.last - map.first) : 0.5;
    const double fixed = lower + share * (upper - lower);
    return limited(map, whole, fixed - (fixed - lower) * factor, fixed + (upper - fixed) * factor);
}

Span shifted(const AxisMap& map, const Span& whole, double pixels) {
    const double lower = to_scale(map.scale, map.span.lower, map.linear_part);
    const double upper = to_scale(map.scale, map.span.upper, map.linear_part);
    const double shift = map.last != map.first ? -pixels / (map.last - map.first) * (upper - lower) : 0;
    return limited(map, whole, lower + shift, upper + shift);
}

Span between(const AxisMap& map, const Span& whole, double a, double b) {
    double from = to_scale(map.scale, map.value(a), map.linear_part);
    double to = to_scale(map.scale, map.value(b), map.linear_part);
    if (from > to) std::swap(from, to);
    return limited(map, whole, from, to);
}

} // namespace

std::optional<std::size_t> panel_at(const Picture& picture, QPointF at, double margin) {
    for (std::size_t i = 0; i < picture.panels.size(); ++i)
        if (picture.panels[i].plot.adjusted(-margin, -margin, margin, margin).contains(at)) return i;
    return std::nullopt;
}

View zoomed(const PlotScene& scene, const Picture& picture, const View& view, std::size_t panel, QPointF at,
            double factor, Direction direction) {
    View result = view;
    const PanelFrame& frame = picture.panels[panel];
    if (has_x(direction)) result.x = scaled(frame.x, whole_x(scene, panel), at.x(), factor);
    if (has_y(direction)) set_y(result, panel, scaled(frame.y, whole_y(scene, panel, view), at.y(), factor));
    return result;
}

View panned(const PlotScene& scene, const Picture& picture, const View& view, std::size_t panel, QPointF delta,
            Direction direction) {
    View result = view;
    const PanelFrame& frame = picture.panels[panel];
    if (has_x(direction)) result.x = shifted(frame.x, whole_x(scene, panel), delta.x());
    if (has_y(direction)) set_y(result, panel, shifted(frame.y, whole_y(scene, panel, view), delta.y()));
    return result;
}

View zoomed_to(const PlotScene& scene, const Picture& picture, const View& view, std::size_t panel, const QRectF& box) {
    constexpr double least_pixels = 6;
    const PanelFrame& frame = picture.panels[panel];
    const QRectF inside = box.normalized().intersected(frame.plot);
    View result = view;
    if (inside.width() >= least_pixels)
        result.x = between(frame.x, whole_x(scene, panel), inside.left(), inside.right());
    if (inside.height() >= least_pixels)
        set_y(result, panel, between(frame.y, whole_y(scene, panel, view), inside.bottom(), inside.top()));
    return result;
}

std::optional<std::pair<std::size_t, std::size_t>> threshold_at(const PlotScene& scene, const Picture& picture,
                                                                QPointF at) {
    constexpr double grip = 5;
    const auto panel = panel_at(picture, at, grip);
    if (!panel) return std::nullopt;
    const auto& thresholds = scene.panels[*panel].thresholds;
    for (std::size_t i = 0; i < thresholds.size(); ++i)
        if (thresholds[i].draggable && std::abs(picture.panels[*panel].y.pixel(thresholds[i].y) - at.y()) <= grip)
            return std::pair{*panel, i};
    return std::nullopt;
}

} // namespace graticule::plots
