#include "widgets/theme/theme.h"

#include <QtCore/QVariant>
#include <QtGui/QFontDatabase>
#include <QtWidgets/QApplication>
#include <QtWidgets/QStyleFactory>
#include <algorithm>
#include <cmath>

// Q_INIT_RESOURCE declares a function, so it cannot be called inside a namespace. Without it the linker drops a static
// library's resources.
static void register_icons() { Q_INIT_RESOURCE(theme); }

namespace graticule::theme {
namespace {

double scale_of_texts = 1; // of the program, as its palette is

struct Row {
    Token token;
    QRgb dark, light;
};

// docs: the tokens and what each is for are in the user interface guide; text tokens keep 4.5:1 on window, panel and
// header.
constexpr std::array<Row, std::size_t(Token::count)> table{{
    {Token::window, 0xff15171c, 0xffeef0f3},
    {Token::panel, 0xff1c1f26, 0xffffffff},
    {Token::header, 0xff22262f, 0xfff5f6f8},
    {Token::border, 0xff2d323c, 0xffd9dde3},
    {Token::text, 0xffe4e7ec, 0xff1b1f27},
    {Token::secondary, 0xff98a1b0, 0xff5a6372},
    {Token::faint, 0xff8790a0, 0xff646d7c},
    {Token::accent, 0xff5b9df5, 0xff1f6fd6},
    {Token::selection, 0xff27405f, 0xffd6e6fb},
    {Token::full_precision, 0xff8796ad, 0xff8594aa},
    {Token::levels, 0xfff0ad4e, 0xff9c5d00},
    {Token::candidate, 0xff4fd1bb, 0xff00796b},
    {Token::underflow, 0xfff0839b, 0xffb3264d},
    {Token::good, 0xff59c28a, 0xff187545},
    {Token::worse, 0xfff0883e, 0xffb04a08},
}};

Theme build(bool dark) {
    Theme theme;
    theme.dark = dark;
    for (const Row& row : table) theme.colours[std::size_t(row.token)] = QColor(dark ? row.dark : row.light);
    return theme;
}

double luminance(const QColor& colour) {
    const auto linear = [](double c) { return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4); };
    return 0.2126 * linear(colour.redF()) + 0.7152 * linear(colour.greenF()) + 0.0722 * linear(colour.blueF());
}

QFont named_font(bool installed, const QString& family, QFontDatabase::SystemFont fallback, int pixel_size) {
    QFont font = installed ? QFont(family) : QFontDatabase::systemFont(fallback);
    font.setPixelSize(qRound(pixel_size * text_scale()));
    return font;
}

} // namespace

QColor Theme::faded(Token token, double opacity) const {
    QColor colour = (*this)[token];
    colour.setAlphaF(float(std::clamp(opacity, 0.0, 1.0)));
    return colour;
}

QColor Theme::heat(double share) const {
    if (!(share >= 0)) return QColor(0, 0, 0, 0);
    return faded(Token::accent, 0.08 + 0.72 * std::min(share, 1.0));
}

QColor Theme::heat_text(double share) const {
    const QColor normal = (*this)[Token::text];
    const QColor background = blend(heat(share), (*this)[Token::panel]);
    if (contrast(normal, background) >= 4.5) return normal;
    const QColor white(255, 255, 255), ink(6, 8, 11);
    return contrast(white, background) >= contrast(ink, background) ? white : ink;
}

const Theme& dark() {
    static const Theme theme = build(true);
    return theme;
}

const Theme& light() {
    static const Theme theme = build(false);
    return theme;
}

const Theme& of(const QPalette& palette) {
    return palette.color(QPalette::Active, QPalette::Window).lightnessF() < 0.5f ? dark() : light();
}

std::optional<Mode> parse_mode(const QString& text) {
    for (const Mode mode : {Mode::dark, Mode::light, Mode::system})
        if (text.compare(mode_name(mode), Qt::CaseInsensitive) == 0) return mode;
    return std::nullopt;
}

QString mode_name(Mode mode) {
    switch (mode) {
    case Mode::dark:
        return QStringLiteral("dark");
    case Mode::light:
        return QStringLiteral("light");
    case Mode::system:
        return QStringLiteral("system");
    }
    return {};
}

QPalette palette(const Theme& theme) {
    QPalette result;
    const auto set = [&](QPalette::ColorRole role, const QColor& colour) { result.setColor(role, colour); };
    set(QPalette::Window, theme[Token::window]);
    set(QPalette::WindowText, theme[Token::text]);
    set(QPalette::Base, theme[Token::panel]);
    set(QPalette::AlternateBase, theme[Token::header]);
    set(QPalette::Text, theme[Token::text]);
    set(QPalette::PlaceholderText, theme[Token::faint]);
    set(QPalette::Button, theme[Token::header]);
    set(QPalette::ButtonText, theme[Token::text]);
    set(QPalette::BrightText, theme[Token::underflow]);
    set(QPalette::Highlight, theme[Token::selection]);
    set(QPalette::HighlightedText, theme[Token::text]);
    set(QPalette::ToolTipBase, theme[Token::header]);
    set(QPalette::ToolTipText, theme[Token::text]);
    set(QPalette::Link, theme[Token::accent]);
    set(QPalette::LinkVisited, theme[Token::accent]);
    set(QPalette::Light, theme[Token::header]);
    set(QPalette::Midlight, theme[Token::border]);
    set(QPalette::Mid, theme[Token::border]);
    set(QPalette::Dark, theme[Token::border]);
    set(QPalette::Shadow, theme[Token::window]);
    for (const auto role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText, QPalette::HighlightedText})
        result.setColor(QPalette::Disabled, role, theme[Token::faint]);
    return result;
}

void set_text_scale(double scale) { scale_of_texts = std::clamp(scale, 0.9, 1.5); }
double text_scale() { return scale_of_texts; }
int scaled(int pixels) { return qRound(pixels * scale_of_texts); }

void apply(QApplication& application, Mode mode) {
    register_icons();
    // Our own palette replaces the desktop's, so what "system" means is kept from the first call.
    constexpr const char* remembered = "graticule_system_is_dark";
    if (!application.property(remembered).isValid())
        application.setProperty(remembered, &of(QApplication::palette()) == &dark());
    const bool wants_dark = mode == Mode::dark || (mode == Mode::system && application.property(remembered).toBool());
    const Theme& theme = wants_dark ? dark() : light();
    QApplication::setStyle(QStyleFactory::create(QStringLiteral("Fusion")));
    QApplication::setPalette(palette(theme));
    QApplication::setFont(ui_font());
    // A blinking cursor paints the window twice a second for ever, and with it every plot again.
    QApplication::setCursorFlashTime(0);
    application.setStyleSheet(style_sheet(theme));
}

QFont ui_font(int pixel_size, QFont::Weight weight) {
    const QString family = QStringLiteral("Inter");
    // Listing the families takes a millisecond, and texts are measured by the thousand.
    static const bool installed = QFontDatabase::families().contains(family);
    QFont font = named_font(installed, family, QFontDatabase::GeneralFont, pixel_size);
    font.setWeight(weight);
    return font;
}

QFont mono_font(int pixel_size) {
    const QString family = QStringLiteral("JetBrains Mono");
    static const bool installed = QFontDatabase::families().contains(family);
    QFont font = named_font(installed, family, QFontDatabase::FixedFont, pixel_size);
    font.setStyleHint(QFont::Monospace);
    return font;
}

double contrast(const QColor& a, const QColor& b) {
    const double la = luminance(a), lb = luminance(b);
    return (std::max(la, lb) + 0.05) / (std::min(la, lb) + 0.05);
}

QColor blend(const QColor& over, const QColor& under) {
    const double a = over.alphaF();
    const auto mix = [&](double o, double u) { return float(a * o + (1 - a) * u); };
    return QColor::fromRgbF(mix(over.redF(), under.redF()), mix(over.greenF(), under.greenF()),
                            mix(over.blueF(), under.blueF()));
}

} // namespace graticule::theme
