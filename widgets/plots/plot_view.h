// Zoom, pan and the read-out under the pointer as pure functions on a view; the widget only forwards its events.
#pragma once

#include "widgets/plots/plot_layout.h"

#include <optional>

namespace graticule::plots {

enum class Direction { x, y, both };

/// The panel whose frame holds `at` (with `margin` pixels around it).
[[nodiscard]] std::optional<std::size_t> panel_at(const Picture& picture, QPointF at, double margin = 0);

/// `factor` below 1 comes nearer; the value under `at` stays there. Never wider than the whole, never below a millionth
/// of it.
[[nodiscard]] View zoomed(const PlotScene& scene, const Picture& picture, const View& view, std::size_t panel,
                          QPointF at, double factor, Direction direction);
/// Drags the content by `delta` pixels.
[[nodiscard]] View panned(const PlotScene& scene, const Picture& picture, const View& view, std::size_t panel,
                          QPointF delta, Direction direction);
/// The view that fills the frame with `box` (pixels); unchanged if the box is too small to be meant.
[[nodiscard]] View zoomed_to(const PlotScene& scene, const Picture& picture, const View& view, std::size_t panel,
                             const QRectF& box);

struct ReadOutLine {
    QString text;
    std::optional<Ink> swatch;
};

/// What lies under the pointer: the numbers behind the picture.
struct ReadOut {
    std::size_t panel = 0;
    QPointF at;       ///< where the marked point is
    double guide = 0; ///< x of the vertical guide line, pixels
    std::vector<ReadOutLine> lines;
    std::vector<QPointF> marks;
    QString series;  ///< of the nearest mark; empty: a heat map's cell
    qint64 id = -1;  ///< its id: what a click reports
    qint64 row = -1; ///< of a heat map's cell; id is the column
};

[[nodiscard]] std::optional<ReadOut> read_out(const PlotScene& scene, const Picture& picture, QPointF at);

/// The card beside the pointer and the marks, inside the picture.
[[nodiscard]] std::vector<Primitive> read_out_card(const ReadOut& read_out, const Picture& picture,
                                                   const theme::Theme& theme, QPointF pointer);

/// The draggable threshold within a few pixels of `at`: panel and index.
[[nodiscard]] std::optional<std::pair<std::size_t, std::size_t>> threshold_at(const PlotScene& scene,
                                                                              const Picture& picture, QPointF at);

} // namespace graticule::plots
