#include "widgets/models/number_text.h"

#include <QtCore/QObject>
#include <QtCore/QRegularExpression>
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace graticule {

namespace {
const QChar minus_sign(0x2212);

QString separated(QString digits) {
    const qsizetype start = digits.startsWith(QLatin1Char('-')) ? 1 : 0;
    qsizetype point = digits.indexOf(QLatin1Char('.'));
    if (point < 0) point = digits.size();
    for (qsizetype i = point - 3; i > start; i -= 3) digits.insert(i, QLatin1Char(','));
    return digits;
}

/// As the command line's numbers are rounded: 4.3125 of three places is 4.312 in both.
QString plain_fixed(double value, int decimals) {
    std::array<char, 400> digits{}; // of the largest double there are 309 before the point
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, std::chars_format::fixed,
                                   std::clamp(decimals, 0, 60));
    return QString::fromLatin1(digits.data(), end.ptr - digits.data());
}

QString unusual(double value) {
    if (std::isnan(value)) return QStringLiteral("–");
    return value > 0 ? QStringLiteral("∞") : minus_sign + QStringLiteral("∞");
}

QString dressed(const QString& plain) {
    QString text = separated(plain);
    return text.replace(QLatin1Char('-'), minus_sign);
}
} // namespace

QString fixed_text(double value, int decimals) {
    if (!std::isfinite(value)) return unusual(value);
    QString text = plain_fixed(value, decimals);
    // "-0.00" would claim a sign that the shown digits do not have.
    if (text.startsWith(QLatin1Char('-')) && text.toDouble() == 0) text.remove(0, 1);
    return dressed(text);
}

QString exponent_text(double value, int digits) {
    if (!std::isfinite(value)) return unusual(value);
    QString text = QString::number(value, 'e', std::max(0, digits - 1));
    const qsizetype e = text.indexOf(QLatin1Char('e'));
    QString mantissa = text.left(e);
    if (mantissa.contains(QLatin1Char('.'))) {
        while (mantissa.endsWith(QLatin1Char('0'))) mantissa.chop(1);
        if (mantissa.endsWith(QLatin1Char('.'))) mantissa.chop(1);
    }
    text = mantissa + QLatin1Char('e') + QString::number(text.mid(e + 1).toInt());
    return text.replace(QLatin1Char('-'), minus_sign);
}

QString number_text(double value, int digits) {
    if (!std::isfinite(value)) return unusual(value);
    if (value == 0) return QStringLiteral("0");
    const double magnitude = std::floor(std::log10(std::abs(value)));
    if (magnitude < -4 || magnitude > 8) return exponent_text(value, digits);
    const int decimals = std::clamp(digits - 1 - int(magnitude), 0, 8);
    QString text = plain_fixed(value, decimals);
    if (text.contains(QLatin1Char('.'))) {
        while (text.endsWith(QLatin1Char('0'))) text.chop(1);
        if (text.endsWith(QLatin1Char('.'))) text.chop(1);
    }
    return dressed(text);
}

QString signed_text(double value, int digits) {
    if (!std::isfinite(value)) return QStringLiteral("–");
    const QString text = fixed_text(value, digits);
    if (text == fixed_text(0, digits)) return QStringLiteral("0");
    return value > 0 ? u'+' + text : text;
}

QString tick_text(double value, double step) {
    if (!std::isfinite(value)) return unusual(value);
    const double size = std::max(std::abs(value), std::abs(step));
    if (size >= 1e7 || (size > 0 && size < 1e-4)) return number_text(value, 3);
    const int decimals = step > 0 ? std::clamp(int(std::ceil(-std::log10(step) - 1e-9)), 0, 8) : 0;
    return fixed_text(value, decimals);
}

QString whole_text(double value) { return fixed_text(value, 0); }

QString percent_text(double share, int decimals) { return fixed_text(100 * share, decimals) + QStringLiteral(" %"); }

QString thousands_text(std::int64_t value) { return dressed(QString::number(static_cast<qlonglong>(value))); }

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
    if (!std::isfinite(seconds)) return QStringLiteral("–");
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

QString with_minus_signs(QString text) {
    static const QRegularExpression hyphen(QStringLiteral("(?<![\\w.\\])-])-(?=[\\d.])")); // "sample-1.2" keeps its own
    return text.replace(hyphen, minus_sign);
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
