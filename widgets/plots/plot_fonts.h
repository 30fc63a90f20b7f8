// The fonts of plots and their measures. Screen and files use the same ones; kerning is off, since ImGui's glyph runs
// have none.
#pragma once

#include "widgets/plots/primitives.h"

#include <QtGui/QFont>

namespace graticule::plots {

[[nodiscard]] QFont plot_font(TextStyle style);
[[nodiscard]] double text_width(TextStyle style, const QString& text);
[[nodiscard]] double text_ascent(TextStyle style);
[[nodiscard]] double text_descent(TextStyle style);
/// A distance between lines of text, in pixels at their usual size: it grows with them.
[[nodiscard]] double grown(double pixels);
/// `text` shortened with an ellipsis so that it fits `width`.
[[nodiscard]] QString elided(TextStyle style, const QString& text, double width,
                             Qt::TextElideMode where = Qt::ElideRight);
/// A name, whose ends tell: of "layers.12.self_attn.q_proj" the block and the last part stay as long as they can.
[[nodiscard]] QString elided_name(TextStyle style, const QString& name, double width);

} // namespace graticule::plots
