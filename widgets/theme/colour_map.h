// Colour maps for heat maps: Viridis (sequential, perceptually uniform) and blue-orange (diverging, centred at zero).
// Both read in greyscale and with the common colour deficiencies.
#pragma once

#include <QtGui/QColor>

namespace graticule::theme {

/// Viridis at `share` in 0 to 1; values outside are clamped, NaN is transparent.
[[nodiscard]] QColor viridis(double share);
/// Blue at -1, neutral at 0, orange at 1; clamped, NaN transparent.
[[nodiscard]] QColor blue_orange(double signed_share);

} // namespace graticule::theme
