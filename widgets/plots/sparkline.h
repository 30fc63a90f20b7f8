// A curve the size of a table cell, for the table of runs.
#pragma once

#include <QtCore/QRectF>
#include <QtGui/QColor>
#include <optional>
#include <span>

class QPainter;

namespace graticule::plots {

/// Draws `values` over `area`; all cells of a column should share `low` and `high`, so that their curves compare. NaN
/// leaves a gap, fewer than two values draw a dot or nothing.
void paint_sparkline(QPainter& painter, const QRectF& area, std::span<const double> values, double low, double high,
                     const QColor& colour, std::size_t expected_count = 0);

} // namespace graticule::plots
