#include "widgets/plots/axis_scale.h"

#include "widgets/models/number_text.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace graticule::plots {
namespace {

constexpr int most_ticks = 1000; // a guard against spans that no view can have

std::vector<Tick> linear_ticks(const Span& span, int wanted) {
    const double step = nice_step(span.width(), wanted);
    std::vector<Tick> result;
    const double first = std::ceil(span.lower / step - 1e-9);
    for (int i = 0; i < most_ticks; ++i) {
        const double value = (first + i) * step;
        if (value > span.upper + step * 1e-9) break;
        result.push_back({value, tick_text(value, step)});
    }
    return result;
}

std::vector<Tick> log_ticks(const Span& span, int wanted, double base) {
    const double lower = std::log(span.lower) / std::log(base), upper = std::log(span.upper) / std::log(base);
    const int first = int(std::ceil(lower - 1e-9)), last = int(std::floor(upper + 1e-9));
    const int stride = std::max(1, int(std::ceil(double(last - first + 1) / std::max(1, wanted))));
    // Less than two powers in view say too little: plain ticks read better there.
    if (last - first < 1) return linear_ticks(span, wanted);
    std::vector<Tick> result;
    for (int power = first - 1; power <= last && power - first < most_ticks; ++power) {
        const double value = std::pow(base, power);
        if (power >= first) {
            const bool named = (power - first) % stride == 0;
            result.push_back({value, named ? number_text(value, 5) : QString()});
        }
        for (int multiple = 2; base == 10 && stride == 1 && multiple < 10; ++multiple) {
            const double minor = multiple * value;
            if (minor > span.lower && minor < span.upper) result.push_back({minor, {}});
        }
    }
    return result;
}

std::vector<Tick> symlog_ticks(const Span& span, int wanted, double linear_part) {
    std::vector<Tick> result;
    const auto add = [&](double value) {
        if (value >= span.lower && value <= span.upper) result.push_back({value, number_text(value, 3)});
    };
    const double largest = std::max(std::abs(span.lower), std::abs(span.upper));
    const double decades = std::max(1.0, std::log10(std::max(largest / linear_part, 10.0)));
    const int stride = std::max(1, int(std::ceil(2 * decades / std::max(2, wanted))));
    const double start = std::pow(10, std::ceil(std::log10(linear_part) - 1e-9));
    std::vector<double> sizes;
    for (double size = start; size <= largest && sizes.size() < 64; size *= std::pow(10, stride)) sizes.push_back(size);
    for (auto size = sizes.rbegin(); size != sizes.rend(); ++size) add(-*size);
    add(0);
    for (const double size : sizes) add(size);
    return result.size() >= 2 ? result : linear_ticks(span, wanted);
}

} // namespace

double to_scale(Scale scale, double value, double linear_part) {
    if (std::isnan(value)) return value;
    switch (scale) {
    case Scale::linear:
        return value;
    case Scale::log10:
        return value > 0 ? std::log10(value) : -std::numeric_limits<double>::infinity();
    case Scale::log2:
        return value > 0 ? std::log2(value) : -std::numeric_limits<double>::infinity();
    case Scale::symlog:
        return std::asinh(value / linear_part);
    }
    return value;
}

double from_scale(Scale scale, double coordinate, double linear_part) {
    switch (scale) {
    case Scale::linear:
        return coordinate;
    case Scale::log10:
        return std::pow(10, coordinate);
    case Scale::log2:
        return std::exp2(coordinate);
    case Scale::symlog:
        return std::sinh(coordinate) * linear_part;
    }
    return coordinate;
}

double AxisMap::pixel(double value) const {
    const double lower = to_scale(scale, span.lower, linear_part), upper = to_scale(scale, span.upper, linear_part);
    const double at = to_scale(scale, value, linear_part);
    if (std::isnan(at)) return at;
    // Far beyond the frame is far enough: infinities and huge numbers would spoil later arithmetic in pixels.
    const double share = upper > lower ? std::clamp((at - lower) / (upper - lower), -1e4, 1e4) : 0.5;
    return first + share * (last - first);
}

double AxisMap::value(double pixel) const {
    const double lower = to_scale(scale, span.lower, linear_part), upper = to_scale(scale, span.upper, linear_part);
    const double share = last != first ? (pixel - first) / (last - first) : 0;
    return from_scale(scale, lower + share * (upper - lower), linear_part);
}

double AxisMap::nearest_end(double pixel) const {
    return std::clamp(pixel, std::min(first, last), std::max(first, last));
}

double nice_step(double width, int wanted) {
    if (!(width > 0) || !std::isfinite(width)) return 1;
    const double raw = width / std::max(1, wanted);
    const double power = std::pow(10, std::floor(std::log10(raw)));
    for (const double multiple : {1.0, 2.0, 5.0})
        if (multiple * power >= raw * (1 - 1e-9)) return multiple * power;
    return 10 * power;
}

std::vector<Tick> ticks(Scale scale, const Span& span, int wanted, double linear_part) {
    const Span safe = usable(scale, span);
    switch (scale) {
    case Scale::linear:
        return linear_ticks(safe, wanted);
    case Scale::log10:
        return log_ticks(safe, wanted, 10);
    case Scale::log2:
        return log_ticks(safe, wanted, 2);
    case Scale::symlog:
        return symlog_ticks(safe, wanted, linear_part);
    }
    return {};
}

Span usable(Scale scale, Span span) {
    if (!std::isfinite(span.lower)) span.lower = 0;
    if (!std::isfinite(span.upper)) span.upper = span.lower + 1;
    if (span.upper < span.lower) std::swap(span.lower, span.upper);
    if (scale == Scale::log10 || scale == Scale::log2) {
        if (!(span.upper > 0)) span = {0.1, 1};
        if (!(span.lower > 0)) span.lower = span.upper * 1e-4;
        if (!(span.upper > span.lower * 1.000001)) span = {span.lower / 2, span.lower * 2};
        return span;
    }
    const double size = std::max(std::abs(span.lower), std::abs(span.upper));
    if (!(span.width() > size * 1e-9)) {
        const double half = size > 0 ? size / 2 : 0.5;
        return {span.lower - half, span.upper + half};
    }
    return span;
}

Span rounded_out(const Span& span, int wanted) {
    const Span safe = usable(Scale::linear, span);
    const double step = nice_step(safe.width(), wanted);
    const double upper = std::ceil(safe.upper / step + 0.15) * step;
    const double lower = safe.lower < 0 ? std::floor(safe.lower / step - 0.15) * step : safe.lower;
    return {lower, upper};
}

} // namespace graticule::plots
