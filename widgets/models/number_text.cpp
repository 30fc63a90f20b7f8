#include "widgets/models/number_text.h"

#include <QtCore/QLocale>
#include <QtCore/QObject>
#include <array>
#include <cmath>

namespace graticule {

namespace {
const QString not_there = QStringLiteral("–");
const QChar minus(0x2212);

QString with_minus(QString text) {
    if (text.startsWith(u'-')) text[0] = minus;
    return text;
}
} // namespace

QString fixed_text(double value, int digits) {
    if (!std::isfinite(value)) return std::isinf(value) ? QStringLiteral("∞") : not_there;
    return with_minus(QLocale::c().toString(value, 'f', digits));
}

QString signed_text(double value, int digits) {
    if (!std::isfinite(value)) return not_there;
    const QString text = fixed_text(std::abs(value), digits);
    const bool shows_zero = text == fixed_text(0, digits);
    if (shows_zero) return QStringLiteral("0");
    return (value < 0 ? QString(minus) : QStringLiteral("+")) + text;
}

QString thousands_text(std::int64_t value) {
    const QLocale english(QLocale::English, QLocale::UnitedStates);
    return with_minus(english.toString(static_cast<qlonglong>(value)));
}

QString count_text(double count) {
    if (count < 100'000) return thousands_text(std::llround(count));
    if (count < 1e6) return fixed_text(count / 1e3, 0) + QStringLiteral(" k");
    if (count < 1e9) return fixed_text(count / 1e6, count < 1e7 ? 1 : 0) + QStringLiteral(" M");
    return fixed_text(count / 1e9, 1) + QStringLiteral(" G");
}

QString bytes_text(std::int64_t bytes) {
    static constexpr std::array units{"B", "kB", "MB", "GB", "TB"};
    double value = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (std::abs(value) >= 1000 && unit + 1 < units.size()) {
        value /= 1000;
        ++unit;
    }
    return fixed_text(value, unit == 0 || value >= 100 ? 0 : 1) + u' ' + QLatin1String(units[unit]);
}

QString duration_text(double seconds) {
    if (!std::isfinite(seconds)) return not_there;
    if (seconds < 0.0995) return fixed_text(seconds * 1000, 0) + QStringLiteral(" ms");
    if (seconds < 9.95) return fixed_text(seconds, 1) + QStringLiteral(" s");
    const auto whole = std::llround(seconds);
    if (whole < 60) return QStringLiteral("%1 s").arg(whole);
    if (whole < 3600) return QStringLiteral("%1 min %2 s").arg(whole / 60).arg(whole % 60);
    return QStringLiteral("%1 h %2 min").arg(whole / 3600).arg(whole / 60 % 60, 2, 10, QLatin1Char('0'));
}

QString bits_text(double weight_bits, double input_bits) {
    const int digits = std::abs(weight_bits - std::round(weight_bits)) < 0.005 ? 0 : 2;
    QString text = fixed_text(weight_bits, digits);
    if (input_bits > 0 && input_bits < 16) text += QStringLiteral(" / ") + fixed_text(input_bits, 0);
    return text;
}

QString linears_text(std::int64_t count) {
    return count == 1 ? QObject::tr("1 linear") : QObject::tr("%1 linears").arg(thousands_text(count));
}

QString elided_middle(const QString& text, int characters) {
    if (text.size() <= characters) return text;
    const auto half = (characters - 1) / 2;
    return text.left(half) + QStringLiteral("…") + text.right(characters - 1 - half);
}

} // namespace graticule
