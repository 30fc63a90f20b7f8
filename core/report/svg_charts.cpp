#include "core/report/svg_charts.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace graticule {

namespace {

constexpr double width = 900, height = 260, left = 64, right = 12, top = 12, bottom = 44;
constexpr std::array colours{"#8594aa", "#1f6fd6", "#00796b", "#b3264d", "#9c5d00", "#b04a08", "#5a6372"};

std::string number(double value, int digits = 6) {
    std::array<char, 48> text{};
    std::snprintf(text.data(), text.size(), "%.*g", digits, value);
    return text.data();
}

/// A step of 1, 2 or 5 times a power of ten, about four of which span the range.
double step_for(double range) {
    const double power = std::pow(10, std::floor(std::log10(range / 4)));
    for (const double factor : {1.0, 2.0, 5.0})
        if (range / (factor * power) <= 5) return factor * power;
    return 10 * power;
}

struct Frame {
    double low = 0, high = 1;
    [[nodiscard]] double y(double value) const { return top + (high - value) / (high - low) * (height - top - bottom); }
};

std::string text_at(double x, double y, const char* anchor, const std::string& text) {
    return "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" text-anchor=\"" + anchor + "\">" + escaped(text) +
           "</text>\n";
}

std::string begin(const Frame& frame, const std::string& y_label) {
    std::string svg = "<svg viewBox=\"0 0 " + number(width) + " " + number(height) + "\" role=\"img\" aria-label=\"" +
                      escaped(y_label) + "\">\n";
    const double step = step_for(frame.high - frame.low);
    for (double value = std::ceil(frame.low / step) * step; value <= frame.high + 1e-9 * step; value += step) {
        const double rounded = std::abs(value) < 1e-9 * step ? 0 : value;
        svg += "<line class=\"grid\" x1=\"" + number(left) + "\" x2=\"" + number(width - right) + "\" y1=\"" +
               number(frame.y(value)) + "\" y2=\"" + number(frame.y(value)) + "\"/>\n" +
               text_at(left - 6, frame.y(value) + 4, "end", number(rounded, 4));
    }
    return svg + "<text transform=\"translate(12," + number((height - bottom) / 2) +
           ") rotate(-90)\" text-anchor=\"middle\">" + escaped(y_label) + "</text>\n";
}

std::string legend(const std::vector<std::string>& names) {
    std::string svg;
    double x = left;
    for (std::size_t i = 0; i < names.size(); ++i) {
        svg += "<rect x=\"" + number(x) + "\" y=\"" + number(height - 13) + "\" width=\"9\" height=\"9\" fill=\"" +
               colours[i % colours.size()] + "\"/>\n" + text_at(x + 13, height - 4, "start", names[i]);
        x += 30 + 6.4 * static_cast<double>(names[i].size());
    }
    return svg;
}

/// U+202A to U+202E and U+2066 to U+2069, which would turn round whatever comes after them.
bool turns_direction(const std::string& text, std::size_t at) {
    const std::string_view three = std::string_view(text).substr(at, 3);
    return (three >= "\xe2\x80\xaa" && three <= "\xe2\x80\xae") || (three >= "\xe2\x81\xa6" && three <= "\xe2\x81\xa9");
}

} // namespace

std::string escaped(const std::string& text) {
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        const auto code = static_cast<unsigned char>(c);
        switch (c) {
        case '&':
            result += "&amp;";
            break;
        case '<':
            result += "&lt;";
            break;
        case '>':
            result += "&gt;";
            break;
        case '"':
            result += "&quot;";
            break;
        case '\t':
        case '\n':
        case '\r':
            result += c;
            break;
        default:
            if (code < 0x20) { // a picture of it
                result += std::string("\xe2\x90") + static_cast<char>(0x80 + code);
            } else if (turns_direction(text, i)) {
                result += "&#xfffd;";
                i += 2;
            } else {
                result += c;
            }
        }
    }
    return result;
}

std::string line_chart(const std::vector<ChartLine>& lines, const std::string& x_label, const std::string& y_label) {
    Frame frame{1e300, -1e300};
    std::size_t longest = 0;
    for (const ChartLine& line : lines) {
        longest = std::max(longest, line.values.size());
        for (const double value : line.values) {
            if (!std::isfinite(value)) continue;
            frame.low = std::min(frame.low, value);
            frame.high = std::max(frame.high, value);
        }
    }
    if (longest == 0 || frame.low > frame.high) return {};
    const double room = std::max(0.05 * (frame.high - frame.low), 1e-6 * std::abs(frame.high) + 1e-12);
    frame = {frame.low - room, frame.high + room};
    std::string svg = begin(frame, y_label);
    const double step = (width - left - right) / static_cast<double>(std::max<std::size_t>(1, longest - 1));
    std::vector<std::string> names;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        names.push_back(lines[i].name);
        svg += "<polyline fill=\"none\" stroke-width=\"1.6\" stroke=\"" + std::string(colours[i % colours.size()]) +
               "\" points=\"";
        for (std::size_t at = 0; at < lines[i].values.size(); ++at)
            if (std::isfinite(lines[i].values[at]))
                svg += number(left + step * static_cast<double>(at)) + "," + number(frame.y(lines[i].values[at])) + " ";
        svg += "\"/>\n";
    }
    svg += text_at(left, height - bottom + 16, "start", "1") +
           text_at(width - right, height - bottom + 16, "end", std::to_string(longest)) +
           text_at((left + width - right) / 2, height - bottom + 16, "middle", x_label);
    return svg + legend(names) + "</svg>\n";
}

std::string bar_chart(const std::vector<ChartBar>& bars, const std::vector<std::string>& parts,
                      const std::string& y_label) {
    Frame frame{0, 0};
    for (const ChartBar& bar : bars) {
        double above = 0, below = 0;
        for (const double part : bar.parts) (part > 0 ? above : below) += std::isfinite(part) ? part : 0;
        frame.high = std::max(frame.high, above);
        frame.low = std::min(frame.low, below);
    }
    if (bars.empty() || frame.high <= frame.low) return {};
    frame.high *= 1.05;
    std::string svg = begin(frame, y_label);
    const double step = (width - left - right) / static_cast<double>(bars.size());
    for (std::size_t i = 0; i < bars.size(); ++i) {
        double above = 0, below = 0;
        svg += "<g><title>" + escaped(bars[i].name) + "</title>";
        for (std::size_t part = 0; part < bars[i].parts.size(); ++part) {
            const double value = bars[i].parts[part];
            if (!std::isfinite(value) || value == 0) continue;
            double& base = value > 0 ? above : below;
            const double upper = frame.y(std::max(base, base + value)), lower = frame.y(std::min(base, base + value));
            svg += "<rect x=\"" + number(left + step * (static_cast<double>(i) + 0.1)) + "\" y=\"" + number(upper) +
                   "\" width=\"" + number(0.8 * step) + "\" height=\"" + number(lower - upper) + "\" fill=\"" +
                   colours[part % colours.size()] + "\"/>";
            base += value;
        }
        const double at = frame.y(above + below);
        svg += "<path d=\"M" + number(left + step * (static_cast<double>(i) + 0.05)) + " " + number(at) + "h" +
               number(0.9 * step) + "\" stroke=\"currentColor\" stroke-width=\"2\"/></g>\n";
    }
    return svg + legend(parts) + "</svg>\n";
}

} // namespace graticule
