#include "widgets/theme/colour_vision.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace graticule::theme {

namespace {
using Matrix = std::array<std::array<double, 3>, 3>;

constexpr Matrix matrices[] = {
    {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}},
    {{{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}}},
    {{{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}}},
    {{{1.255528, -0.076749, -0.178779}, {-0.078411, 0.930809, 0.147602}, {0.004733, 0.691367, 0.303900}}}};

double linear(double c) { return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4); }

int shown(double c) {
    c = std::clamp(c, 0.0, 1.0);
    return static_cast<int>(std::lround(255 * (c <= 0.0031308 ? 12.92 * c : 1.055 * std::pow(c, 1 / 2.4) - 0.055)));
}

QRgb seen(const Matrix& matrix, QRgb colour, const std::array<double, 256>& linears) {
    const double in[] = {linears[std::size_t(qRed(colour))], linears[std::size_t(qGreen(colour))],
                         linears[std::size_t(qBlue(colour))]};
    int out[3];
    for (std::size_t i = 0; i < 3; ++i)
        out[i] = shown(matrix[i][0] * in[0] + matrix[i][1] * in[1] + matrix[i][2] * in[2]);
    return qRgba(out[0], out[1], out[2], qAlpha(colour));
}

const std::array<double, 256>& linear_values() {
    static const std::array<double, 256> values = [] {
        std::array<double, 256> made{};
        for (std::size_t i = 0; i < made.size(); ++i) made[i] = linear(double(i) / 255);
        return made;
    }();
    return values;
}
} // namespace

QColor seen_with(ColourVision vision, const QColor& colour) {
    return QColor::fromRgba(seen(matrices[std::size_t(vision)], colour.rgba(), linear_values()));
}

QImage seen_with(ColourVision vision, const QImage& picture) {
    QImage result = picture.convertToFormat(QImage::Format_ARGB32);
    if (vision == ColourVision::normal) return result;
    const Matrix& matrix = matrices[std::size_t(vision)];
    QRgb before = 0, after = 0; // most neighbours are alike
    for (int y = 0; y < result.height(); ++y) {
        auto* line = reinterpret_cast<QRgb*>(result.scanLine(y));
        for (int x = 0; x < result.width(); ++x) {
            if (line[x] != before || after == 0) after = seen(matrix, before = line[x], linear_values());
            line[x] = after;
        }
    }
    return result;
}

} // namespace graticule::theme
