// How a number becomes a place on an axis, and where the ticks go. Pure arithmetic; no pixels but in AxisMap.
#pragma once

#include <QtCore/QString>
#include <vector>

namespace graticule::plots {

enum class Scale { linear, log10, log2, symlog };

struct Span {
    double lower = 0, upper = 1;
    [[nodiscard]] double width() const { return upper - lower; }
    bool operator==(const Span&) const = default;
};

/// Monotone coordinate of `value` on the scale (log of it, or itself). Below zero a log scale gives minus infinity.
/// `linear_part` is where symlog turns from linear to logarithmic.
[[nodiscard]] double to_scale(Scale scale, double value, double linear_part = 1);
[[nodiscard]] double from_scale(Scale scale, double coordinate, double linear_part = 1);

/// One axis laid along pixels from `first` (at span.lower) to `last` (at span.upper); `last` may lie before `first` (y
/// grows upward).
struct AxisMap {
    Scale scale = Scale::linear;
    double linear_part = 1;
    Span span;
    double first = 0, last = 1;

    [[nodiscard]] double pixel(double value) const;
    [[nodiscard]] double value(double pixel) const;
    [[nodiscard]] double nearest_end(double pixel) const; ///< clamps a pixel to the axis
};

struct Tick {
    double value = 0;
    QString text; ///< empty for minor ticks
};

/// A step of 1, 2 or 5 times a power of ten with at most `wanted` intervals in `width`.
[[nodiscard]] double nice_step(double width, int wanted);
/// Ticks inside `span`, at most about `wanted` with text.
[[nodiscard]] std::vector<Tick> ticks(Scale scale, const Span& span, int wanted, double linear_part = 1);
/// `span` made usable: finite, of some width, and positive on a log scale.
[[nodiscard]] Span usable(Scale scale, Span span);
/// Grows `span` to whole ticks at its upper end (and lower, if below zero), so that no mark touches the frame.
[[nodiscard]] Span rounded_out(const Span& span, int wanted);

} // namespace graticule::plots
