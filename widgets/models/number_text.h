// How numbers read on screen: one place for digits, units and signs. Files get theirs from core, always with a point.
#pragma once

#include <QtCore/QString>
#include <cstdint>

namespace graticule {

/// `value` with exactly `digits` places: "2,876.32", "−0.20"; NaN reads "–", infinity "∞".
[[nodiscard]] QString fixed_text(double value, int digits);
/// With a sign always: "+3.04", "−7.3" (a true minus); "0" where the shown digits are none.
[[nodiscard]] QString signed_text(double value, int digits);
/// `value` with `digits` significant digits: "1,050", "0.0123", "−3.2e−7".
[[nodiscard]] QString number_text(double value, int digits = 4);
/// The same always with an exponent: no wider for small values than for large ones.
[[nodiscard]] QString exponent_text(double value, int digits);
/// A tick's text, given the distance of its neighbours: as many decimals as the step needs and no more.
[[nodiscard]] QString tick_text(double value, double step);
[[nodiscard]] QString whole_text(double value);                         ///< "8,204,288"
[[nodiscard]] QString percent_text(double share, int decimals = 1);     ///< a share of 1: "17.7 %"
[[nodiscard]] QString count_text(double count);                         ///< "8.2 M", "41,300"
[[nodiscard]] QString bytes_text(std::int64_t bytes);                   ///< "3.9 MB", decimal units as on a data sheet
[[nodiscard]] QString duration_text(double seconds);                    ///< "2.1 s", "3 min 5 s", "1 h 02 min"
[[nodiscard]] QString thousands_text(std::int64_t value);               ///< "41,300"
[[nodiscard]] QString bits_text(double weight_bits, double input_bits); ///< "4.25", "4.25 / 8"
/// A sentence of core, whose numbers have hyphens, as all others are shown: "by −0.0275 nats".
[[nodiscard]] QString with_minus_signs(QString text);
/// "1 linear", "48 linears".
[[nodiscard]] QString linears_text(std::int64_t count);
[[nodiscard]] QString elided_middle(const QString& text, int characters);

} // namespace graticule
