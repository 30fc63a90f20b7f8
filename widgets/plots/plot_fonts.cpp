#include "widgets/plots/plot_fonts.h"

#include "widgets/models/cut_middle.h"
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

QString elided_name(TextStyle style, const QString& name, double width) {
    if (text_width(style, name) <= width) return name;
    const QString last = QStringLiteral("…") + name.section(u'.', -1);
    if (name.count(u'.') > 1 && !name.contains(u' ')) // of a layer
        for (const QString& shorter : {name.section(u'.', 0, 1) + last, name.section(u'.', 1, 1) + last})
            if (text_width(style, shorter) <= width) return shorter;
    return cut_middle(name, width, [style](const QString& part) { return text_width(style, part); });
}

} // namespace graticule::plots
