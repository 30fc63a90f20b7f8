// The marks of a panel's series as clipped primitives. Used by plot_layout; apart from it for its size only.
#pragma once

#include "widgets/plots/plot_layout.h"

namespace graticule::plots {

[[nodiscard]] QColor cell_colour(const HeatCells& cells, double value);

/// Collects primitives of one panel, clipped to its frame, and remembers where text stands so that labels do not
/// overlap.
class MarkPainter {
public:
    MarkPainter(std::vector<Primitive>& out, const PanelFrame& frame, const theme::Theme& theme)
        : out_(out)
        , frame_(frame)
        , theme_(theme) {}

    void cells(const HeatCells& cells);
    void range_shade(const ShadedRange& range);
    void series(const Series& series);
    void level(const LevelLine& level);
    /// Labels come last, over all marks: ranges, then stems, tallest first, and points.
    void threshold(const Threshold& threshold);
    void range_label(const ShadedRange& range, int row);
    void point_labels(const Series& series);
    void note(const Note& note);

private:
    void box(QRectF rect, const QColor& fill, const QColor& outline = {});
    void stroke(QPointF from, QPointF to, const QColor& colour, double width, bool dashed);
    void polyline(const std::vector<QPointF>& points, const QColor& colour, double width, bool dashed);
    void bars(const Series& series);
    void stairs(const Series& series);
    void line(const Series& series);
    void band(const Series& series);
    void points(const Series& series);
    void ticks(const Series& series);
    void stems(const Series& series);
    /// False: there is no room.
    bool label_point(const Series& series, QPointF at, const QString& text, const QColor& colour);
    [[nodiscard]] double base_pixel(double bottom) const;
    /// Places text if it is free there; a soft panel-coloured box behind it keeps it readable over lines.
    bool place_text(QPointF at, const QString& text, const QColor& colour, Across across, bool must);

    std::vector<Primitive>& out_;
    const PanelFrame& frame_;
    const theme::Theme& theme_;
    std::vector<QRectF> taken_;
    double label_column_ = -1e9; ///< where the last range label to the right of its range began
};

} // namespace graticule::plots
