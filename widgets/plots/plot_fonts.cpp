#include "widgets/plots/plot_fonts.h"

#include "widgets/theme/theme.h"

#include <QtGui/QFontMetricsF>

namespace graticule::plots {

QFont plot_font(TextStyle style) {
    QFont font = [&] {
        switch (style) {
        case TextStyle::axis:
            return theme::ui_font(11);
        case TextStyle::label:
            return theme::ui_font(12);
        case TextStyle::subtitle:
            return theme::ui_font(12);
        case TextStyle::title:
            return theme::ui_font(14, QFont::DemiBold);
        case TextStyle::count:
            break;
        }
        return theme::ui_font(12);
    }();
    font.setKerning(false);
    font.setHintingPreference(QFont::PreferNoHinting);
    return font;
}

double text_width(TextStyle style, const QString& text) {
    return QFontMetricsF(plot_font(style)).horizontalAdvance(text);
}

double text_ascent(TextStyle style) { return QFontMetricsF(plot_font(style)).ascent(); }

double text_descent(TextStyle style) { return QFontMetricsF(plot_font(style)).descent(); }

double grown(double pixels) { return pixels * theme::text_scale(); }

QString elided(TextStyle style, const QString& text, double width, Qt::TextElideMode where) {
    return QFontMetricsF(plot_font(style)).elidedText(text, where, width);
}

} // namespace graticule::plots
