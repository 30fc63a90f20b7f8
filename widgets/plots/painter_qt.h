// Pictures through QPainter: PNG and SVG files, the printer's way, and the screen where there is no OpenGL.
#pragma once

#include "widgets/plots/plot_layout.h"

#include <QtGui/QImage>

class QPainter;

namespace graticule::plots {

void paint(QPainter& painter, const Picture& picture);
void paint(QPainter& painter, const std::vector<Primitive>& primitives);

/// The scene with its caption, `scale` device pixels a logical one.
[[nodiscard]] QImage render_image(const PlotScene& scene, const View& view, const theme::Theme& theme, QSizeF size,
                                  double scale = 2);
/// The same as SVG text; texts stay texts.
[[nodiscard]] QByteArray render_svg(const PlotScene& scene, const View& view, const theme::Theme& theme, QSizeF size);

} // namespace graticule::plots
