// The look of the whole program as one table of named colours; Qt's palette and style sheet, the plots and ImGui read
// it.
//
//     theme::apply(application, theme::Mode::dark);                    // once at start and at every change of theme
//     const theme::Theme& look = theme::of(widget->palette());         // in a delegate or a plot
//     painter.fillRect(cell, look.heat(0.7));
//
// Style sheet hooks (dynamic properties): QPushButton[primary="true"]; QLabel[role="title" | "secondary" | "faint" |
// "section" | "value" | "good" | "worse" | "mono"]; QFrame[role="header" | "card" | "rule"]; QLineEdit[edited="true"],
// QComboBox[edited="true"].
#pragma once

#include <QtGui/QColor>
#include <QtGui/QFont>
#include <QtGui/QPalette>
#include <array>
#include <cstddef>
#include <optional>

class QApplication;

namespace graticule::theme {

enum class Token : std::size_t {
    window,
    panel,
    header,
    border,
    text,
    secondary,
    faint,
    accent,
    selection,
    full_precision,
    levels, ///< quantizer levels, outlier channels, edited fields
    candidate,
    underflow,
    good,
    worse,
    count
};

enum class Mode { dark, light, system };

struct Theme {
    bool dark = true;
    std::array<QColor, std::size_t(Token::count)> colours;

    [[nodiscard]] QColor operator[](Token token) const { return colours[std::size_t(token)]; }
    [[nodiscard]] QColor faded(Token token, double opacity) const;
    /// Background of a table cell whose share of the column's range is `share` (0 to 1): accent at 8 to 80 %; outside
    /// or NaN: clear.
    [[nodiscard]] QColor heat(double share) const;
    /// Text that stays readable (at least 4.4:1) on heat(share) over a panel.
    [[nodiscard]] QColor heat_text(double share) const;
};

[[nodiscard]] const Theme& dark();
[[nodiscard]] const Theme& light();
/// The theme a palette was made from, by the lightness of its window colour; so nothing global has to be asked.
[[nodiscard]] const Theme& of(const QPalette& palette);

[[nodiscard]] std::optional<Mode> parse_mode(const QString& text); ///< "dark", "light", "system"
[[nodiscard]] QString mode_name(Mode mode);

[[nodiscard]] QPalette palette(const Theme& theme);
[[nodiscard]] QString style_sheet(const Theme& theme);

/// Sets style, palette, style sheet and font. `system` follows the desktop's palette as it was when the program
/// started.
void apply(QApplication& application, Mode mode);

/// All texts, those of the plots too, by this factor (0.9 to 1.5); the next apply() shows it.
void set_text_scale(double scale);
[[nodiscard]] double text_scale();
/// Pixels of a box that is as wide as the text in it, given those at the usual size.
[[nodiscard]] int scaled(int pixels);

/// Inter, or the system's own font where it is not installed. Sizes are logical pixels at a text scale of 1.
[[nodiscard]] QFont ui_font(int pixel_size = 13, QFont::Weight weight = QFont::Normal);
/// JetBrains Mono, or the system's fixed font.
[[nodiscard]] QFont mono_font(int pixel_size = 12);

/// WCAG contrast ratio of two opaque colours, 1 to 21.
[[nodiscard]] double contrast(const QColor& a, const QColor& b);
/// `over` painted on an opaque `under`.
[[nodiscard]] QColor blend(const QColor& over, const QColor& under);

} // namespace graticule::theme
