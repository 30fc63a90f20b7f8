// Numbers as people read them on plots: a true minus sign, thousands separated, digits that fit the step. Files use
// other code: there the decimal point is always a point and nothing is separated.
#pragma once

#include <QtCore/QString>

namespace graticule::plots {

/// `value` with `digits` significant digits: "1,050", "0.0123", "−3.2e−7". NaN reads "–", infinity "∞".
[[nodiscard]] QString number_text(double value, int digits = 4);
/// `value` with exactly `decimals` places: "−0.20".
[[nodiscard]] QString fixed_text(double value, int decimals);
/// The same with a sign always: "+3.04", "−7.3", "0.00".
[[nodiscard]] QString signed_text(double value, int decimals);
/// A tick's text, given the distance of its neighbours: as many decimals as the step needs and no more.
[[nodiscard]] QString tick_text(double value, double step);
/// A whole number with its thousands separated.
[[nodiscard]] QString count_text(double value);
/// A share of 1 in percent: "17.7 %".
[[nodiscard]] QString percent_text(double share, int decimals = 1);

} // namespace graticule::plots
