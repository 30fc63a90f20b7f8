#include "widgets/theme/colour_map.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace graticule::theme {
namespace {

using Rgb = std::array<int, 3>;

// Every tenth of Viridis (Smith and van der Walt, public domain); between them straight lines, which stay within 2/255
// of the map.
constexpr std::array<Rgb, 11> viridis_points{{{68, 1, 84},
                                              {72, 36, 117},
                                              {65, 68, 135},
                                              {53, 95, 141},
                                              {42, 120, 142},
                                              {33, 145, 140},
                                              {34, 168, 132},
                                              {68, 191, 112},
                                              {122, 209, 81},
                                              {189, 223, 38},
                                              {253, 231, 37}}};

constexpr std::array<Rgb, 5> diverging_points{
    {{33, 102, 172}, {130, 178, 216}, {236, 236, 236}, {240, 170, 100}, {200, 90, 10}}};

template <std::size_t N>
QColor interpolate(const std::array<Rgb, N>& points, double share) {
    const double position = std::clamp(share, 0.0, 1.0) * double(N - 1);
    const auto lower = std::min(std::size_t(position), N - 2);
    const double rest = position - double(lower);
    const auto channel = [&](std::size_t c) {
        return int(std::lround(points[lower][c] + rest * (points[lower + 1][c] - points[lower][c])));
    };
    return QColor(channel(0), channel(1), channel(2));
}

} // namespace

QColor viridis(double share) { return std::isnan(share) ? QColor(0, 0, 0, 0) : interpolate(viridis_points, share); }

QColor blue_orange(double signed_share) {
    return std::isnan(signed_share) ? QColor(0, 0, 0, 0) : interpolate(diverging_points, (signed_share + 1) / 2);
}

} // namespace graticule::theme
