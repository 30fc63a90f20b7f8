#include "widgets/plots/number_text.h"

#include <algorithm>
#include <cmath>

namespace graticule::plots {
namespace {

const QChar minus_sign(0x2212);

QString separated(QString digits) {
    const qsizetype start = digits.startsWith(QLatin1Char('-')) ? 1 : 0;
    qsizetype point = digits.indexOf(QLatin1Char('.'));
    if (point < 0) point = digits.size();
    for (qsizetype i = point - 3; i > start; i -= 3) digits.insert(i, QLatin1Char(','));
    return digits;
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
    QString text = QString::number(value, 'f', decimals);
    // "-0.00" would claim a sign that the shown digits do not have.
    if (text.startsWith(QLatin1Char('-')) && text.toDouble() == 0) text.remove(0, 1);
    return dressed(text);
}

QString number_text(double value, int digits) {
    if (!std::isfinite(value)) return unusual(value);
    if (value == 0) return QStringLiteral("0");
    const double magnitude = std::floor(std::log10(std::abs(value)));
    if (magnitude < -4 || magnitude > 8) {
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
    const int decimals = std::clamp(digits - 1 - int(magnitude), 0, 8);
    QString text = QString::number(value, 'f', decimals);
    if (text.contains(QLatin1Char('.'))) {
        while (text.endsWith(QLatin1Char('0'))) text.chop(1);
        if (text.endsWith(QLatin1Char('.'))) text.chop(1);
    }
    return dressed(text);
}

QString signed_text(double value, int decimals) {
    const QString text = fixed_text(value, decimals);
    const bool shows_zero = std::isfinite(value) && QString::number(std::abs(value), 'f', decimals).toDouble() == 0;
    return value > 0 && !shows_zero ? QLatin1Char('+') + text : text;
}

QString tick_text(double value, double step) {
    if (!std::isfinite(value)) return unusual(value);
    const double size = std::max(std::abs(value), std::abs(step));
    if (size >= 1e7 || (size > 0 && size < 1e-4)) return number_text(value, 3);
    const int decimals = step > 0 ? std::clamp(int(std::ceil(-std::log10(step) - 1e-9)), 0, 8) : 0;
    return fixed_text(value, decimals);
}

QString count_text(double value) { return fixed_text(value, 0); }

QString percent_text(double share, int decimals) { return fixed_text(100 * share, decimals) + QStringLiteral(" %"); }

} // namespace graticule::plots
