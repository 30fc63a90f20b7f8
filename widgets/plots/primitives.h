// What painters draw: flat shapes in logical pixels with final colours. Everything is already clipped.
#pragma once

#include <QtCore/QPointF>
#include <QtCore/QRectF>
#include <QtCore/QSizeF>
#include <QtCore/QString>
#include <QtGui/QColor>
#include <array>
#include <variant>
#include <vector>

namespace graticule::plots {

/// No polyline or polygon of a picture is longer: the screen's vertex indices have 16 bits, and a longer one comes out
/// torn.
inline constexpr std::size_t most_polyline_points = 4096;

enum class TextStyle { axis, label, subtitle, title, count };
enum class Across { left, centre, right };

struct Box {
    QRectF rect;
    QColor fill;    ///< invalid: none
    QColor outline; ///< invalid: none
    double radius = 0;
};

struct Stroke {
    QPointF from, to;
    QColor colour;
    double width = 1;
    bool dashed = false;
};

struct Polyline {
    std::vector<QPointF> points;
    QColor colour;
    double width = 1;
    bool dashed = false;
};

/// The area between two lines that share their x: quads from column to column.
struct Ribbon {
    std::vector<QPointF> upper, lower;
    QColor fill;
};

struct Disc {
    QPointF centre;
    double radius = 3;
    QColor fill;    ///< invalid: hollow
    QColor outline; ///< invalid: none
};

struct Text {
    QPointF at; ///< the baseline's left end, middle or right end
    QString text;
    QColor colour;
    TextStyle style = TextStyle::axis;
    Across across = Across::left;
    bool upward = false; ///< turned by 90 degrees, reading from bottom to top
};

using Primitive = std::variant<Box, Stroke, Polyline, Ribbon, Disc, Text>;

} // namespace graticule::plots
