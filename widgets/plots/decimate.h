// Fewer points, the same picture. A series drawn into `n` pixel columns needs no more than each column's smallest and
// largest value; dropping the rest is a rule of correctness on screen (16-bit vertex indices) and of file size in SVG.
#pragma once

#include "widgets/plots/axis_scale.h"

#include <QtCore/QPointF>
#include <cstddef>
#include <span>
#include <vector>

namespace graticule::plots {

/// Runs of points in pixels, at most two a pixel column in all; each column's extremes survive. NaN ends a run (a gap
/// between two columns). Points outside the view are dropped, but for the neighbours that lines to the frame's edge
/// need.
[[nodiscard]] std::vector<std::vector<QPointF>> decimate_line(std::span<const double> x, std::span<const double> y,
                                                              const AxisMap& x_map, const AxisMap& y_map);

/// A bar in pixels along x and data units along y.
struct PixelBar {
    double left = 0, right = 0;
    double bottom = 0, top = 0; ///< data units; bottom is NaN where the bar starts at the axis
    std::size_t source = 0;     ///< the input bar, or the tallest of those merged
};

/// Bars from `lefts` to `rights` (data units, ascending), clipped to the view; those narrower than a pixel are merged
/// into pixel columns, of which the tallest (by magnitude) survives. NaN bars vanish.
[[nodiscard]] std::vector<PixelBar> decimate_bars(std::span<const double> lefts, std::span<const double> rights,
                                                  std::span<const double> tops, std::span<const double> bottoms,
                                                  const AxisMap& x_map);

/// Indices of the points to keep when drawing discs or stems: at most two a pixel column (smallest, largest).
[[nodiscard]] std::vector<std::size_t> decimate_points(std::span<const double> x, std::span<const double> y,
                                                       const AxisMap& x_map);

} // namespace graticule::plots
