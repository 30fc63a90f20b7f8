// Pictures as people with a colour deficiency see them, to check that nothing is said by colour alone.
#pragma once

#include <QtGui/QColor>
#include <QtGui/QImage>

namespace graticule::theme {

/// Without cones for long (red), middle (green) or short (blue) waves.
enum class ColourVision { normal, protanopia, deuteranopia, tritanopia };

/// Machado, Oliveira and Fernandes 2009, table 1, severity 1, in linear RGB.
[[nodiscard]] QColor seen_with(ColourVision vision, const QColor& colour);
[[nodiscard]] QImage seen_with(ColourVision vision, const QImage& picture);

} // namespace graticule::theme
